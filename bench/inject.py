"""Bringing a large library in: unpack and verify, against tar and sqlite3 doing the same; same archive, same run.

python -m bench.inject [--tracks N] [--rounds N] [--save]

Ours is what the target does: unpack through the allow-list with checksums, then look at what it got. The full check
is measured by itself, since it is made once, before anything is rented. The baseline is `tar -xzf` (`tar -xf` of a
zstd archive) followed by `PRAGMA quick_check` with the collation made up, which proves no checksum.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.plexsim.plexsim.large_library import TRACKS, pair
from module_utils.damage import damage
from module_utils.integrity import check
from module_utils.place import Owner, place
from module_utils.plex_db import BLOBS, LIBRARY, reading

RESULTS = Path(__file__).parent / "results" / "inject.json"
Way = Callable[[Path, Path], None]


def packed(directory: Path, kind: str) -> Path:
    """Pack the pair once, beside it."""
    archive = directory.parent / f"{directory.name}.tar.{kind}"
    if not archive.exists():
        program = {"gz": "gzip -6", "zst": "zstd -3 -T0"}[kind]
        partial = archive.with_suffix(".partial")
        command = ["tar", "-C", str(directory), "--use-compress-program", program, "-cf", str(partial), LIBRARY, BLOBS]
        subprocess.run(command, check=True)
        partial.rename(archive)
    return archive


def baseline(archive: Path, target: Path) -> None:
    """Let tar unpack, then ask SQLite about pages and rows."""
    target.mkdir()
    subprocess.run(["tar", "-C", str(target), "-xf", str(archive)], check=True)
    for name in (LIBRARY, BLOBS):
        with reading(target / name) as connection:
            assert damage(connection, quick=True)[0] == []


def ours(archive: Path, target: Path) -> None:
    """What the target does with bytes that were checked in full before."""
    placed = place(archive, target, Owner())
    assert set(placed.staged.checksums) == {LIBRARY, BLOBS}
    assert check(target, outline=True).problems == []


def full(archive: Path, target: Path) -> None:
    """What the controller does before renting: unpack and check in full."""
    place(archive, target, Owner())
    assert check(target).problems == []


def spent() -> float:
    """Seconds of processor time so far, finished children included."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measure(archive: Path, way: Way, rounds: int) -> dict[str, float]:
    """Run a way some times; give the medians of elapsed and processor seconds."""
    elapsed, used = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=archive.parent) as work:
            started, before = time.monotonic(), spent()
            way(archive, Path(work) / "Databases")
            elapsed.append(time.monotonic() - started)
            used.append(spent() - before)
    return {"elapsed": round(statistics.median(elapsed), 2), "processor": round(statistics.median(used), 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    directory = pair(options.tracks)
    size = sum((directory / name).stat().st_size for name in (LIBRARY, BLOBS)) / 1e6
    rows = {}
    for kind in ("gz", "zst") if shutil.which("zstd") else ("gz",):
        archive = packed(directory, kind)
        ways: dict[str, Way] = {"tar and quick_check": baseline, "ours on the target": ours, "ours in full": full}
        for name, way in ways.items():
            found = measure(archive, way, options.rounds)
            rows[f"{name}, {kind}"] = found | {
                "mb_per_s": round(size / found["elapsed"], 1),
                "mb_per_processor_s": round(size / found["processor"], 1),
            }
            print(f"{name + ', ' + kind:28} {rows[f'{name}, {kind}']}", flush=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{size:.0f} MB of databases; peak memory of this process {memory:.0f} MB (goal 200)")
    if options.save:
        RESULTS.parent.mkdir(exist_ok=True)
        machine = f"{os.cpu_count()} cores, {platform.machine()}, load {os.getloadavg()[0]:.0f}"
        facts = {"tracks": options.tracks, "megabytes": round(size), "rounds": options.rounds, "ways": rows}
        text = json.dumps(facts | {"peak_memory_mb": round(memory), "machine": machine}, indent=2)
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
