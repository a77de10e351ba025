"""How far off is the time left, and how often is the real one in the band? On synthetic analyses (bench/analyses.py).

python -m bench.eta [--save]

The error is |predicted - real| / real of the time left. *whole*: left divided by the mean rate since the begin.
*latest*: left divided by the rate of the last minute, the predecessor's way. *oracle*, for the analyses in batches and
at a quarter of the way: knows the rate, the tail and how likely pauses and bursts are, but not the future, and predicts
what is off least on average; nobody can be better. The seeds are not those that the estimate was made with.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from bench.analyses import KINDS, Analysis, course, traits
from bench.table import circumstances, save
from module_utils.pace import Points, pace

SERIES = 200
FIRST_SEED = 10_000
SIZES = (4_000, 40_000)
SHARES = (0.1, 0.25, 0.5, 0.9)
# Futures that the oracle looks at.
FUTURES = {4_000: 100, 40_000: 20}


def whole(points: Points, left: int) -> float | None:
    """By the mean rate since the begin."""
    (start, before), (end, done) = points[0], points[-1]
    return left * (end - start) / (done - before) if done > before else None


def latest(points: Points, left: int) -> float | None:
    """By the rate of the last minute."""
    return whole(points[-3:], left)


def ours(points: Points, left: int) -> float | None:
    """By module_utils.pace."""
    return pace(points, left).eta_seconds


def oracle_errors(tracks: int, share: float = 0.25) -> Iterable[float]:
    """The errors of one who knows everything but the future."""
    for seed in range(FIRST_SEED, FIRST_SEED + SERIES):
        points, _, real = KINDS["batches"](seed, tracks).at(share)
        own = traits(random.Random(seed))
        futures = (random.Random(f"{seed} {n}") for n in range(FUTURES[tracks]))
        told = least_off([course(dice, own, tracks, points[-1][1])[-1][0] for dice in futures])
        yield abs(told - real) / real


def least_off(times: list[float]) -> float:
    """The one of some times whose mean relative error against all of them is the least: their median by 1/time."""
    ordered = sorted(times)
    sums = list(itertools.accumulate(1 / each for each in ordered))
    return next(each for each, so_far in zip(ordered, sums, strict=True) if so_far >= sums[-1] / 2)


def spread(errors: Iterable[float]) -> dict[str, float]:
    """Median and 90th percentile."""
    found = list(errors)
    return {"median": round(statistics.median(found), 4), "p90": round(statistics.quantiles(found, n=10)[8], 4)}


def errors(way: Callable[[Points, int], float | None], made: list[Analysis], share: float) -> dict[str, float]:
    """Median and 90th percentile of the error, and how often nothing could be said."""
    moments = [analysis.at(share) for analysis in made]
    told = [(way(points, left), real) for points, left, real in moments]
    known = [abs(seconds - real) / real for seconds, real in told if seconds is not None]
    return spread(known) | {"unknown": round(1 - len(known) / len(told), 4)}


def band(made: list[Analysis], share: float) -> dict[str, float]:
    """How often the real time is within the band, how often there is none, and how many times its low its high is."""
    inside, widths = 0, []
    for points, left, real in (analysis.at(share) for analysis in made):
        speed = pace(points, left)
        if speed.eta_low is not None and speed.eta_high is not None:
            inside += speed.eta_low <= real <= speed.eta_high
            widths.append(speed.eta_high / speed.eta_low)
    return {
        "holds": round(inside / len(widths), 4),
        "unknown": round(1 - len(widths) / len(made), 4),
        "high_by_low": round(statistics.median(widths), 2),
    }


def analyses(kind: str, tracks: int) -> list[Analysis]:
    """All analyses of one kind and size."""
    return [KINDS[kind](seed, tracks) for seed in range(FIRST_SEED, FIRST_SEED + SERIES)]


def measured(kind: str, tracks: int) -> dict[str, Any]:
    """All figures of one kind and size."""
    made = analyses(kind, tracks)
    return {
        "errors": {
            way.__name__: {str(share): errors(way, made, share) for share in SHARES} for way in (ours, whole, latest)
        },
        "band": {str(share): band(made, share) for share in SHARES},
    }


def show(kind: str, tracks: int, found: dict[str, Any]) -> None:
    """Print the medians of one kind and size as lines of a table."""
    for name, shares in found["errors"].items():
        print(f"{kind:8}{tracks:>8,} {name:8}" + "".join(f"{shares[str(share)]['median']:9.1%}" for share in SHARES))
    print(f"{kind:8}{tracks:>8,} {'in band':8}" + "".join(f"{found['band'][str(s)]['holds']:9.1%}" for s in SHARES))


def main() -> int:
    """Print the medians, and keep all figures when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true", help="keep the figures in bench/results")
    asked = parser.parse_args()
    result = circumstances("eta") | {"series": SERIES, "kinds": {kind: {} for kind in KINDS}, "oracle": {}}
    started = time.process_time()
    print(f"{'done':25}" + "".join(f"{share:9.0%}" for share in SHARES))
    for kind, tracks in itertools.product(KINDS, SIZES):
        result["kinds"][kind][str(tracks)] = found = measured(kind, tracks)
        show(kind, tracks, found)
    for tracks in SIZES:
        result["oracle"][str(tracks)] = found = spread(oracle_errors(tracks))
        print(f"batches {tracks:>8,} oracle   {'':9}{found['median']:9.1%}")
    result["processor_seconds"] = round(time.process_time() - started, 2)
    if asked.save:
        save(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
