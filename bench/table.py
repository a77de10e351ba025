"""Measure, compare with the baseline of the same run, print a table, keep the figures as data."""

from __future__ import annotations

import datetime
import json
import multiprocessing
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
    """Seconds on the clock and of processors, and the most memory in MB that one of its processes had.

    A busy machine changes only the first.
    """

    elapsed: float
    processor: float
    memory: int = 0


def _used() -> tuple[float, int]:
    """Seconds of processor time so far with those of finished children, and the most MB of any of them."""
    # Not os.times(), which counts in hundredths of a second: a sample takes less.
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used), max(one.ru_maxrss for one in used) // 1024


def _measured_here(work: Callable[[], object]) -> Measured:
    started, (processor, _) = time.monotonic(), _used()
    work()
    after, memory = _used()
    return Measured(time.monotonic() - started, after - processor, memory)


def measured(work: Callable[[], object]) -> Measured:
    """Do some work once, in a process of its own, and say what it took.

    Of its own, so that the memory is that of the work and not of what this process did before.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(_measured_here(work)))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit("What was to be measured failed, see above.")
    found = receiving.recv()
    assert isinstance(found, Measured)
    return found


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
    print(f"{'':24}{'elapsed':>12}{'ratio':>8}{'processor':>12}{'ratio':>8}{'goal':>8}{'memory':>10}")
    for way, found in runs.items():
        row = {what: median([getattr(one, what) for one in found]) for what in ("elapsed", "processor")}
        first = rows.get(baseline, row)
        ratios = {f"{what}_ratio": row[what] / first[what] for what in ("elapsed", "processor")}
        memory = max(one.memory for one in found)
        rows[way] = {key: round(value, 4) for key, value in (row | ratios).items()} | {"peak_memory_mb": memory}
        goal = f"{goals[way]:8.2f}" if way in goals else f"{'':8}"
        print(
            f"{way:24}{row['elapsed']:10.3f} s{ratios['elapsed_ratio']:8.2f}"
            f"{row['processor']:10.3f} s{ratios['processor_ratio']:8.2f}{goal}{memory:7} MB"
        )
    return {
        **circumstances(name),
        "rounds": {way: len(found) for way, found in runs.items()},
        "ways": rows,
        "goals": dict(goals),
        "facts": dict(facts),
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
