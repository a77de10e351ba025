# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Room that is kept on the controller's disk for the end: a teardown writes a little, also when the disk is full."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

NAME = "ballast"
# The ledger, the log, and what runner writes down of two playbooks.
SIZE = 16 << 20


def lay(run_dir: Path) -> None:
    """Take the room, if it is there; a file system that cannot do so keeps none."""
    with suppress(OSError), (run_dir / NAME).open("xb") as file:
        os.posix_fallocate(file.fileno(), 0, SIZE)


def drop(run_dir: Path) -> None:
    """Give it back."""
    with suppress(OSError):
        (run_dir / NAME).unlink(missing_ok=True)
