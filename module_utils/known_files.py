# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files that the library knows: a sample of every kind, and which modification times the home server saw in them.

The home server's times of their folders are compared, too: a scan passes over folders whose time it knows.
"""

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
# Seconds; all differences of zones from UTC are multiples of the first and not above the second.
ZONE_STEP, ZONE_LIMIT = 900, 14 * 3600


@dataclass(frozen=True)
class Known:
    """One file of the database.

    mtime: seconds since 1970, None when the database has none. folder: the time of its folder as it is stored, seconds
    since 1970 or, below PMS 1.40, text of the home server's zone; None when the database has none.
    """

    section: int
    path: str
    mtime: int | None
    folder: int | str | None = None


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


def folder_agrees(stored: int | str, shown: int) -> bool:
    """Whether a stored time of a folder is the one that the mount shows, in seconds since 1970.

    Text has the zone of the home server, which nobody knows here: any zone will do.
    """
    off = (seconds(stored) or 0) - shown
    if isinstance(stored, str) and abs(off) <= ZONE_LIMIT + 1:
        off -= round(off / ZONE_STEP) * ZONE_STEP
    return abs(off) <= 1


def folders(home: Mapping[str, int | str], shown: Mapping[str, int]) -> str:
    """Say whether the home server saw the folders' times that the mount shows; "" when none can be compared.

    Each maps files to the time of their folder: as the database has it, and in seconds since 1970.
    """
    compared = home.keys() & shown.keys()
    if not compared:
        return ""
    agree = sum(folder_agrees(home[path], shown[path]) for path in compared)
    told = f"{agree} of {len(compared)} files are in folders whose time the library has as the mount shows it"
    if agree == len(compared):
        return told
    return (
        f"only {told}; Plex looks into the others again, now and in the next scan at home, which analyses no file again"
    )


def _words(name: str) -> str:
    return {METADATA: "the uploader's metadata", SERVER: "the upload itself"}[name]
