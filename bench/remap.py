"""Remapping all paths of a large library, against the statements the predecessor ran; same database, same run.

python -m bench.remap [--tracks N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

from lab.plexsim.plexsim.large_library import ROOT, TRACKS, copy_of, pair
from module_utils.path_mapping import parse
from module_utils.plex_db import LIBRARY
from module_utils.remap import remap

TARGET = "/media/library"
RULES = f'{{"mappings": {{"{ROOT}": "{TARGET}"}}}}'


def predecessor(directory: Path) -> int:
    """Count, copy the file, then UPDATE ... REPLACE ... LIKE in the two tables it knew."""
    library = directory / LIBRARY
    with closing(sqlite3.connect(library)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE {column} LIKE ?", (f"{ROOT}%",)).fetchone()[0]
            for table, column in (("section_locations", "root_path"), ("media_parts", "file"))
        ]
        shutil.copyfile(library, directory / "backup.db")
        for table, column in (("section_locations", "root_path"), ("media_parts", "file")):
            connection.execute(
                f"UPDATE {table} SET {column} = REPLACE({column}, ?, ?) WHERE {column} LIKE ?",
                (ROOT, TARGET, f"{ROOT}%"),
            )
        connection.commit()
    return sum(counts)


def ours(directory: Path) -> int:
    """Plan, back up, apply with all checks and both censuses."""
    return sum(remap(directory, parse(RULES), directory / "backups").counts.values())


def spent() -> float:
    """Seconds of processor time so far, with those of finished children: a busy machine does not change them."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(source: Path, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Run both in turns, each on a fresh copy."""
    seconds: dict[str, list[tuple[float, float]]] = {"predecessor": [], "ours": []}
    for number in range(rounds):
        for name, work in (("predecessor", predecessor), ("ours", ours)):
            with tempfile.TemporaryDirectory(dir=source.parent) as place:
                directory = copy_of(source, Path(place) / f"{name}{number}")
                started, processor = time.monotonic(), spent()
                rows = work(directory)
                seconds[name].append((time.monotonic() - started, spent() - processor))
                elapsed, used = seconds[name][-1]
                print(f"{name:12} {rows:8} rows {elapsed:7.2f} s, processor {used:6.2f} s", flush=True)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    seconds = measure(pair(options.tracks), options.rounds)
    print(f"\n{options.tracks} tracks, median of {options.rounds}")
    for position, what in enumerate(("elapsed", "processor")):
        old, new = (statistics.median(found[position] for found in seconds[name]) for name in ("predecessor", "ours"))
        print(f"{what:10} predecessor {old:7.2f} s, ours {new:7.2f} s, ratio {new / old:.2f} (goal 0.50)")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process {memory:.0f} MB (goal 200 MB)")


if __name__ == "__main__":
    main()
