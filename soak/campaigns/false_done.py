"""No scan is called done before it is done, whatever pauses, bursts, metadata tails and late children it has.

Synthetic schedules whose end is known (bench/schedules.py), sampled as a run samples them and judged sample by sample.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.schedules import Schedule, scan
from module_utils.judgement import judge
from module_utils.verdicts import DONE, Thresholds
from soak.campaign import BrokenPromiseError

SAMPLE = 40
STEP = 10.0
# The patience of group_vars/monitoring_cloud.yml.
PATIENCE = Thresholds(quiet_samples=3, cpu_percent=20, stall_seconds=3600, timeout_seconds=14400, grace_seconds=30)


def cases(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Schedules by their seed, each sampled out of step with it by some seconds."""
    dice = random.Random(seed)
    return ({"schedule": dice.randrange(10**6), "offset": round(dice.uniform(0, STEP), 2)} for _ in range(count))


def done_at(schedule: Schedule, offset: float, patience: Thresholds = PATIENCE) -> float:
    """When the scan was first called done, in seconds since its begin."""
    for lines in schedule.series(schedule.idle_from + 600, STEP, offset):
        at = float(lines[-1]["at"])
        if judge("scan", lines, patience, at).verdict == DONE:
            return at
    raise BrokenPromiseError("it was never called done")


def run(case: dict[str, Any], _workdir: Path) -> dict[str, Any]:
    """Judge one schedule from its begin to the word done."""
    schedule = scan(case["schedule"])
    at = done_at(schedule, case["offset"])
    if at < schedule.idle_from:
        raise BrokenPromiseError(f"called done after {at:.0f} s, but it worked until {schedule.idle_from:.0f} s")
    return {"seconds_after_idle": round(at - schedule.idle_from, 1)}
