"""One progress sample of a large library, against the count the predecessor made; same database, same run.

python -m bench.progress [--tracks N] [--rounds N]
"""

from __future__ import annotations

import argparse
import sqlite3
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from lab.plexsim.plexsim.large_library import TRACKS, pair
from module_utils.plex_db import LIBRARY
from module_utils.progress_counts import read_counts

SECTION = 5


def predecessor(directory: Path) -> int:
    """Count the tracks that carry the mark as it looked for it; percent-encoded ones are missed."""
    with closing(sqlite3.connect(directory / LIBRARY)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM metadata_items WHERE metadata_type = 10"
            " AND extra_data LIKE '%ms:musicAnalysisVersion%'"
        ).fetchone()
    return int(count)


def ours(directory: Path) -> int:
    """Count live, deleted and analysed items, parts and vectors of the section."""
    counts = read_counts(str(directory), SECTION).counts
    return counts.analysed if counts else -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    directory = pair(options.tracks)
    ways: dict[str, Callable[[Path], int]] = {"predecessor": predecessor, "ours": ours}
    used: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            started = time.process_time()
            found = way(directory)
            used[name].append(time.process_time() - started)
            print(f"{name:12} {found:8} analysed, processor {used[name][-1]:6.2f} s", flush=True)
    old, new = (statistics.median(used[name]) for name in ways)
    print(f"\n{options.tracks} tracks: predecessor {old:.2f} s, ours {new:.2f} s, ratio {new / old:.2f} (goal 1.00)")


if __name__ == "__main__":
    main()
