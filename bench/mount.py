"""Listing, tags, whole tracks and memory of the mount, against the predecessor's flags and s3fs, in the same run.

Needs the lab (script/lab up). Each way mounts the same bucket cold, on a machine of the lab, through a proxy that
answers 15 ms late and counts requests and bytes. On a shared machine counts say more than seconds.

python -m bench.mount [--tracks N] [--mebibytes N] [--objects N] [--works WORK…] [--minutes N] [--save]

It ends by itself: what cannot begin within its minutes is left out and said so, a work that fails or takes too long is
a row of its own, and machine, proxy and bucket go however it ends. Every way lists the same objects; fewer than in a
real library, because the baseline asks for each of them, one after the other. Some works only (`--works list tags`) are
kept as a result of their own, beside the whole one.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.mount_machine import LATENCY, REMOTE, Bench, bench, fill, prepare
from bench.mount_ways import WORKS
from bench.table import circumstances, save
from lab.control import rclone

# Of which figures, and how much of the predecessor's at most.
GOALS = {
    "list": {"seconds": 0.05},
    "tags": {"seconds": 0.15, "bytes": 0.05},
    "whole": {"seconds": 0.8},
    "slow": {"memory": 0.2},
}
# What differs most from one time to the next is measured more than once, way after way, and the middle one counts.
ROUNDS = {"whole": 3, "slow": 3}


def measure(found: Bench, works: Sequence[str], until: float) -> list[dict[str, Any]]:
    """Measure every way at every one of these works that begins in time."""
    rows: list[dict[str, Any]] = []
    made = prepare(found)
    for what in works:
        found.warm(what)
        taken: dict[str, list[dict[str, Any]]] = {name: [] for name, way in made.items() if what in way.works}
        for _ in range(ROUNDS.get(what, 1)):
            for name, before in taken.items():
                if time.monotonic() > until:
                    before.append({"way": name, "work": what, "failed": "its time was over"})
                else:
                    before.append(found.one(name, made[name], what))
                print(json.dumps(before[-1]), flush=True)
        rows += [middle(before, next(iter(GOALS.get(what, {"seconds": 1})))) for before in taken.values()]
    return rows


def middle(rows: list[dict[str, Any]], figure: str) -> dict[str, Any]:
    """Give the row in the middle of what a figure was each time; one that failed, if any did."""
    if failed := next((row for row in rows if "failed" in row), None):
        return failed
    ordered = sorted(rows, key=lambda row: float(row.get(figure, 0)))
    chosen = ordered[len(ordered) // 2]
    return chosen | ({f"{figure} of all": [row.get(figure) for row in rows]} if len(rows) > 1 else {})


def compare(rows: list[dict[str, Any]]) -> None:
    """Print the table, and add to each row its ratios to the baseline."""
    first = {row["work"]: row for row in rows if row["way"] == "predecessor"}
    heads = ("seconds", "MiB read", "requests", "memory", "processor")
    print(f"\n{'work':6} {'way':20} " + " ".join(f"{head:>9}" for head in heads) + "  ratio")
    for row in rows:
        work, baseline = row["work"], first.get(row["work"], {})
        row["ratio"] = {
            figure: round(row[figure] / baseline[figure], 4)
            for figure in GOALS.get(work, ())
            if row.get(figure) is not None and baseline.get(figure)
        }
        figures = (row.get("seconds", "-"), row.get("bytes", 0) >> 20, row.get("requests", "-"), row.get("memory", "-"))
        ratios = (f"{ratio} of {figure} (goal {GOALS[work][figure]})" for figure, ratio in row["ratio"].items())
        said = ", ".join(ratios) if "failed" not in row else f"failed: {row['failed']}"
        told = "{:>9} {:>9} {:>9} {:>9} {:>9}".format(*figures, row.get("processor", "-"))
        print(f"{work:6} {row['way']:20} {told}  {said}")


def main() -> None:
    """Measure every way at every work and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=240)
    parser.add_argument("--mebibytes", type=int, default=30)
    parser.add_argument("--objects", type=int, default=4_000)
    parser.add_argument("--works", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    # Told to stop, it still clears up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        fill(asked.tracks, asked.mebibytes, asked.objects, asked.works)
        with bench(asked.objects) as found:
            rows = measure(found, asked.works, until)
    finally:
        subprocess.run([*rclone.program(), "purge", REMOTE], check=False, timeout=600, capture_output=True)
    compare(rows)
    facts = {"tracks": asked.tracks, "mebibytes": asked.mebibytes, "objects": asked.objects, "latency": LATENCY}
    if asked.save:
        save(
            {
                **circumstances("mount" if tuple(asked.works) == WORKS else f"mount-{asked.objects}"),
                "rows": rows,
                "goals": GOALS,
                "facts": facts,
            }
        )


if __name__ == "__main__":
    main()
