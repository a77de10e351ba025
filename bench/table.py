"""Measure, compare with the baseline of the same run, print a table, keep the figures as data."""

from __future__ import annotations

import datetime
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Measured:
    """Seconds on the clock, and of processors with those of finished children; a busy machine changes the first."""

    elapsed: float
    processor: float


def spent() -> float:
    """Seconds of processor time so far, with those of finished children."""
    # Not os.times(), which counts in hundredths of a second: a sample takes less.
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(work: Callable[[], object]) -> Measured:
    """Do some work once and say what it took."""
    started, processor = time.monotonic(), spent()
    work()
    return Measured(time.monotonic() - started, spent() - processor)


def median(values: Sequence[float]) -> float:
    """Give the middle one."""
    return statistics.median(values)


def report(
    name: str, runs: Mapping[str, Sequence[Measured]], goals: Mapping[str, float], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Print a table of medians and their ratios to the first way, which is the baseline; return it as data."""
    baseline = next(iter(runs))
    rows: dict[str, Any] = {}
    print(f"\n{name}: {', '.join(f'{key} {value}' for key, value in facts.items())}")
    print(f"{'':24}{'elapsed':>12}{'ratio':>8}{'processor':>12}{'ratio':>8}{'goal':>8}")
    for way, found in runs.items():
        row = {what: median([getattr(one, what) for one in found]) for what in ("elapsed", "processor")}
        first = rows.get(baseline, row)
        ratios = {f"{what}_ratio": row[what] / first[what] for what in ("elapsed", "processor")}
        rows[way] = {key: round(value, 4) for key, value in (row | ratios).items()}
        goal = f"{goals[way]:8.2f}" if way in goals else ""
        print(
            f"{way:24}{row['elapsed']:10.3f} s{ratios['elapsed_ratio']:8.2f}"
            f"{row['processor']:10.3f} s{ratios['processor_ratio']:8.2f}{goal}"
        )
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process {memory} MB (goal 200 MB)")
    return {
        **circumstances(name),
        "rounds": {way: len(found) for way, found in runs.items()},
        "ways": rows,
        "goals": dict(goals),
        "facts": dict(facts),
        "peak_memory_mb": memory,
    }


def circumstances(name: str) -> dict[str, Any]:
    """What every result begins with: which bench, when, on what machine, and how busy that is now."""
    return {
        "bench": name,
        "when": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": os.getloadavg()[0],
    }


def save(result: Mapping[str, Any]) -> None:
    """Keep a result beside the others."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{result['bench']}.json"
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"kept in {path}")
