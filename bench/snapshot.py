"""A checkpoint of a large library (copy, check, count, compress), against `tar -czf`, while a writer commits.

`unverified` is the same without looking into the copies, as tar does not: what a checkpoint cannot go below.

The predecessor stopped the server and ran tar with gzip over the directory. Ours works while a writer commits as fast
as it can; how long its slowest commit took is measured with and without a snapshot under way.

python -m bench.snapshot [--tracks N] [--rounds N] [--save]
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from bench.table import Measured, measured_apart, median, report, save
from lab.plexsim.plexsim.large_library import TRACKS, copy_of, pair
from module_utils.compression import Compression
from module_utils.database_copy import copy_database
from module_utils.files import sha256
from module_utils.plex_db import BLOBS, LIBRARY
from module_utils.snapshot import copy_blobs, read_marked, take

GOAL = 0.2


def write(directory: str, stop: Event, stalls: Any) -> None:
    """Commit small changes one after another, as an analysis does; note the slowest commit and how many there were."""
    slowest, commits = 0.0, 0
    with closing(sqlite3.connect(Path(directory) / LIBRARY, timeout=60, isolation_level=None)) as library:
        library.execute("PRAGMA synchronous = NORMAL")
        while not stop.is_set():
            started = time.monotonic()
            library.execute("UPDATE media_parts SET updated_at = updated_at + 1 WHERE id = ?", (commits % 10_000 + 1,))
            slowest, commits = max(slowest, time.monotonic() - started), commits + 1
            time.sleep(0.005)
    stalls.put((slowest, commits))


def fired_at(directory: Path, work: Any) -> tuple[Measured, float, int]:
    """Measure some work while a writer commits."""
    context = multiprocessing.get_context("spawn")
    stop, stalls = context.Event(), context.Queue()
    writer = context.Process(target=write, args=(str(directory), stop, stalls))
    writer.start()
    time.sleep(1)
    try:
        found = measured_apart(work)
    finally:
        stop.set()
        slowest, commits = stalls.get(timeout=60)
        writer.join()
    return found, slowest, commits


def unverified(directory: Path, target: Path) -> None:
    """Copy both databases, compress them and take their checksums; check and count nothing."""
    target.mkdir()
    copy_database(directory / LIBRARY, target / LIBRARY, durable=False)
    copy_blobs(directory, target, read_marked(target), durable=False)
    compressions = [Compression(target / name) for name in (LIBRARY, BLOBS)]
    for name, compression in zip((LIBRARY, BLOBS), compressions, strict=True):
        sha256(target / name)
        compression.finish()


def tar(directory: Path, target: Path) -> None:
    """Pack both databases as the predecessor did."""
    subprocess.run(["tar", "-czf", str(target), "-C", str(directory), LIBRARY, BLOBS], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()
    source = pair(options.tracks)
    runs: dict[str, list[Measured]] = {"tar -czf": [], "unverified": [], "snapshot": []}
    stalls: list[float] = []
    calm: list[float] = []
    sizes: dict[str, int] = {}
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(dir=source.parent) as place:
            work, archive, target = Path(place) / "work", Path(place) / "all.tar.gz", Path(place) / f"snapshot{number}"
            copy_of(source, work)
            runs["tar -czf"].append(measured_apart(partial(tar, work, archive)))
            calm.append(fired_at(work, lambda: time.sleep(3))[1])
            runs["unverified"].append(fired_at(work, partial(unverified, work, Path(place) / "bare"))[0])
            shutil.rmtree(Path(place) / "bare")
            found, slowest, commits = fired_at(work, partial(take, work, target, compress=True))
            runs["snapshot"].append(found)
            stalls.append(slowest)
            sizes = {
                "tar -czf": archive.stat().st_size,
                "snapshot": sum(f.stat().st_size for f in target.glob("*.zst")),
            }
            print(
                f"round {number + 1}: {commits} commits during the snapshot, the slowest took {slowest * 1000:.0f} ms"
            )
    facts = {
        "tracks": options.tracks,
        "database_bytes": sum((source / name).stat().st_size for name in (LIBRARY, BLOBS)),
        "archive_bytes": sizes,
        "worst_stall_ms": round(max(stalls) * 1000, 1),
        "worst_commit_without_snapshot_ms": round(max(calm) * 1000, 1),
    }
    result = report("snapshot", runs, {"unverified": GOAL, "snapshot": GOAL}, facts)
    print(f"slowest commit of the writer: {median(stalls) * 1000:.0f} ms, at worst {facts['worst_stall_ms']} ms")
    print(f"  without a snapshot at worst {facts['worst_commit_without_snapshot_ms']} ms")
    if options.save:
        save(result)


if __name__ == "__main__":
    main()
