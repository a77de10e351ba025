"""How long after a scan is really over is it called done? Ours against the predecessor's rule, on the same schedules.

    python -m bench.idle_to_done [--save]

The predecessor's rule: no activity, no scanner of any kind, CPU below 20 %, three checks in a row, two minutes apart
(the interval of its refresh profile; that it took three is assumed). *early* counts ends before the end.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from bench.schedules import Sample, Schedule, scan
from bench.table import circumstances, save
from soak.campaigns.false_done import done_at

SERIES = 200
CHECKS = 3
INTERVAL = 120.0
CPU_PERCENT = 20.0


def ours(schedule: Schedule) -> float:
    """By module_utils.judgement, a sample every ten seconds."""
    return done_at(schedule, 0)


def predecessor(schedule: Schedule) -> float:
    """By quiet checks in a row."""
    for lines in schedule.series(schedule.idle_from + 10 * INTERVAL, INTERVAL):
        last = lines[1:][-CHECKS:]
        if len(last) == CHECKS and all(map(_quiet, last)):
            return float(lines[-1]["at"])
    raise AssertionError("it was never called done")


def _quiet(sample: Sample) -> bool:
    working = sample["processes"]["scanner"] + sample["processes"]["deep"]
    return not sample["activities"] and not working and bool(sample["cpu_percent"] < CPU_PERCENT)


def measured(rule: Callable[[Schedule], float]) -> dict[str, float]:
    """Seconds from idle to done over all schedules."""
    started = time.process_time()
    late = [rule(schedule) - schedule.idle_from for schedule in map(scan, range(SERIES))]
    return {
        "median_seconds": round(statistics.median(late), 1),
        "longest_seconds": round(max(late), 1),
        "early": sum(seconds < 0 for seconds in late),
        "processor_seconds": round(time.process_time() - started, 2),
    }


def main() -> int:
    """Print a table, and keep the figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true", help="keep the figures in bench/results")
    asked = parser.parse_args()
    rules = {rule.__name__: measured(rule) for rule in (ours, predecessor)}
    for name, found in rules.items():
        print(f"{name:12}" + "".join(f"{what.replace('_', ' ')} {value:g}   " for what, value in found.items()))
    ratio = round(rules["ours"]["median_seconds"] / rules["predecessor"]["median_seconds"], 3)
    print(f"ratio of medians {ratio} (goal 0.5)")
    if asked.save:
        save(circumstances("idle_to_done") | {"series": SERIES, "rules": rules, "ratio_of_medians": ratio})
    return 0


if __name__ == "__main__":
    sys.exit(main())
