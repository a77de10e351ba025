"""No row of a library of 456,534 tracks is lost either, whatever happens to the mount while Plex scans.

As mount_faults, with faults drawn by chance, on a bucket of as many files. Making bucket and machine takes a quarter of
an hour and a case some minutes, so script/test runs none of it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soak.campaign import Case
from soak.campaigns import mount_faults
from soak.named_faults import DRAWN

SAMPLE = 0
KEEP_ROWS = 100


def cases(count: int, seed: int) -> Iterator[Case]:
    """Draw faults, alone or two at once, at a moment of the scan, with and without autoEmptyTrash."""
    chooser = random.Random(seed)
    for number in range(count):
        yield {
            "number": number,
            "faults": chooser.sample(DRAWN, chooser.choice([1, 1, 1, 2])),
            "after": round(chooser.uniform(0, 10), 2),
            "lasts": round(min(40.0, 2 + chooser.expovariate(1 / 8)), 1),
            "empty_trash": number % 2 == 0,
        }


def run(case: Case, workdir: Path) -> dict[str, Any]:
    """Do one case on the machine with the large library."""
    return mount_faults.run(case, workdir, large=True)
