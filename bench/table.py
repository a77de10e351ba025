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
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def measured(work: Callable[[], object]) -> Measured:
    """Do some work once and say what it took; the memory is the most this process has had so far."""
    started, (processor, _) = time.monotonic(), _used()
    work()
    after, memory = _used()
    return Measured(time.monotonic() - started, after - processor, memory)


def measured_apart(work: Callable[[], object]) -> Measured:
    """Do some work once, in a process of its own, and say what it took.

    The memory is then that of the work and not of what was done before. A new process costs some milliseconds.
    """
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(measured(work)))
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


def lines(result: Mapping[str, Any]) -> Iterator[str]:
    """Give the table of a result: a line for each way, with its ratios to the baseline, which comes first."""
    facts = ", ".join(f"{key} {value}" for key, value in result["facts"].items())
    yield f"\n{result['bench']}: {facts} ({result['when'][:10]}, load {result['load']:.1f})"
    yield f"{'':24}{'elapsed':>12}{'ratio':>8}{'processor':>12}{'ratio':>8}{'goal':>8}{'memory':>10}"
    baseline = min(result["ways"], key=lambda way: result["ways"][way]["elapsed_ratio"] != 1)
    for way in sorted(result["ways"], key=lambda way: way != baseline):
        row = result["ways"][way]
        goal = f"{result['goals'][way]:8.2f}" if way in result["goals"] else f"{'':8}"
        memory = f"{row['peak_memory_mb']:7} MB" if "peak_memory_mb" in row else ""
        yield (
            f"{way:24}{row['elapsed']:10.3f} s{row['elapsed_ratio']:8.2f}"
            f"{row['processor']:10.3f} s{row['processor_ratio']:8.2f}{goal}{memory}"
        ).rstrip()


def report(
    name: str, runs: Mapping[str, Sequence[Measured]], goals: Mapping[str, float], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Print a table of medians and their ratios to the first way, which is the baseline; return it as data."""
    baseline = next(iter(runs))
    rows: dict[str, Any] = {}
    for way, found in runs.items():
        row = {what: median([getattr(one, what) for one in found]) for what in ("elapsed", "processor")}
        first = rows.get(baseline, row)
        ratios = {f"{what}_ratio": row[what] / first[what] for what in ("elapsed", "processor")}
        rows[way] = {key: round(value, 4) for key, value in (row | ratios).items()}
        rows[way]["peak_memory_mb"] = max(one.memory for one in found)
    result = {
        **circumstances(name),
        "rounds": {way: len(found) for way, found in runs.items()},
        "ways": rows,
        "goals": dict(goals),
        "facts": dict(facts),
    }
    print("\n".join(lines(result)))
    return result


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
