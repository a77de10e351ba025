# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that the library knows: a sample of every kind, and which modification times the home server saw in them."""

from __future__ import annotations

import calendar
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

METADATA, SERVER = "metadata", "server"
# Below this share of the sample a policy explains nothing.
ENOUGH = 0.5


@dataclass(frozen=True)
class Known:
    """One file of the database. mtime: seconds since 1970, None when the database has none."""

    section: int
    path: str
    mtime: int | None


def seconds(value: object) -> int | None:
    """Read a date of the database: seconds since 1970, or text in UTC."""
    if isinstance(value, int | float):
        return int(value)
    try:
        return calendar.timegm(time.strptime(str(value), "%Y-%m-%d %H:%M:%S"))
    except ValueError:
        return None


def sample(files: Iterable[Known], wanted: int, chooser: random.Random) -> list[Known]:
    """Take files of every section and kind (extension) in turn, each by chance."""
    strata: dict[tuple[int, str], list[Known]] = defaultdict(list)
    for known in files:
        strata[known.section, PurePosixPath(known.path).suffix.lower()].append(known)
    for stratum in strata.values():
        chooser.shuffle(stratum)
    taken: list[Known] = []
    while len(taken) < wanted and any(strata.values()):
        for key in sorted(strata):
            if strata[key] and len(taken) < wanted:
                taken.append(strata[key].pop())
    return taken


def policy(
    home: Mapping[str, int], metadata: Mapping[str, int], server: Mapping[str, int], now: str
) -> tuple[str, str]:
    """Choose the times that the home server saw, and say why; `now` stays when nothing speaks against it.

    Each maps paths to seconds since 1970: what the database holds, what the uploader stored, when it was uploaded.
    """
    seen = {path: at for path, at in home.items() if path in metadata and path in server}
    if not seen:
        return now, f"no file tells which times the home server saw; the mount shows those of {_words(now)}"
    hits = {
        name: sum(abs(times[path] - at) <= 1 for path, at in seen.items())
        for name, times in ((METADATA, metadata), (SERVER, server))
    }
    best = max(hits, key=lambda name: (hits[name], name == now))
    told = f"{hits[best]} of {len(seen)} files have the times of {_words(best)} in the library"
    if hits[best] < ENOUGH * len(seen):
        return now, (
            f"only {told}, so the home server saw neither these nor the others, and Plex will analyse the files again; "
            f"the mount shows the times of {_words(now)}"
        )
    return best, f"{told}, so the mount shows these"


def _words(name: str) -> str:
    return {METADATA: "the uploader's metadata", SERVER: "the upload itself"}[name]
