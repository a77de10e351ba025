"""How far off is the time left at a quarter of the way? Ours against two plain ways, on the same synthetic analyses.

    python -m bench.eta > bench/results/eta.json

An analysis is made of a steady rate with noise, bursts (a warm cache), pauses (the guard, another task) and a slow tail
(long tracks last). The error is |predicted - real| / real of the time left when a quarter is done. *whole*: left
divided by the mean rate since the begin. *latest*: left divided by the rate of the last minute, the predecessor's way.
"""

from __future__ import annotations

import json
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from module_utils.pace import Points, pace

SERIES = 200
SIZES = (4_000, 40_000)
STEP = 30.0
SHARES = (0.1, 0.25, 0.5, 0.9)


@dataclass(frozen=True)
class Analysis:
    """The samples of one analysis and when it ended."""

    tracks: int
    points: list[tuple[float, int]]
    end: float

    def at(self, share: float) -> tuple[list[tuple[float, int]], int, float]:
        """The samples until a share is done, what is left then, and the real time left."""
        until = next(n for n, (_, done) in enumerate(self.points, 1) if done >= share * self.tracks)
        known = self.points[:until]
        return known, self.tracks - known[-1][1], self.end - known[-1][0]


def analysis(seed: int, tracks: int) -> Analysis:
    """One synthetic analysis, sampled every STEP seconds."""
    dice = random.Random(seed)
    rate = dice.uniform(0.2, 3.0)
    tail_from, tail_rate = dice.uniform(0.8, 0.95), dice.uniform(0.4, 0.9)
    now, done, points, idle, burst = 0.0, 0.0, [(0.0, 0)], 0, 0
    while done < tracks:
        now += STEP
        if idle:
            idle -= 1
        elif dice.random() < 0.01:
            idle = dice.randint(1, 12)
        else:
            burst = burst - 1 if burst else (dice.randint(1, 8) if dice.random() < 0.02 else 0)
            speed = rate * dice.lognormvariate(0, 0.35) * (2.5 if burst else 1)
            done += STEP * speed * (tail_rate if done > tail_from * tracks else 1)
        points.append((now, min(tracks, int(done))))
    return Analysis(tracks, points, now)


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


def in_band(points: Points, left: int, real: float) -> bool:
    """Whether the real time lies in the band."""
    speed = pace(points, left)
    return speed.eta_low is not None and speed.eta_high is not None and speed.eta_low <= real <= speed.eta_high


def errors(way: Callable[[Points, int], float | None], share: float, tracks: int) -> dict[str, float]:
    """Median and 90th percentile of the error, and how often nothing could be said."""
    found, unknown = [], 0
    for seed in range(SERIES):
        points, left, real = analysis(seed, tracks).at(share)
        told = way(points, left)
        if told is None:
            unknown += 1
        else:
            found.append(abs(told - real) / real)
    cut = statistics.quantiles(found, n=10)
    return {"median": round(statistics.median(found), 4), "p90": round(cut[8], 4), "unknown": unknown / SERIES}


def main() -> int:
    """Print the comparison as JSON."""
    started = time.process_time()
    result = {
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "series": SERIES,
        "tracks": {
            str(tracks): {
                "errors": {
                    way.__name__: {str(share): errors(way, share, tracks) for share in SHARES}
                    for way in (ours, whole, latest)
                },
                "real_time_in_our_band": {
                    str(share): sum(in_band(*analysis(seed, tracks).at(share)) for seed in range(SERIES)) / SERIES
                    for share in SHARES
                },
            }
            for tracks in SIZES
        },
        "processor_seconds": round(time.process_time() - started, 2),
    }
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
