# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast it goes, how long it still takes, and how to say so. Unknown stays unknown."""

from __future__ import annotations

import math
import statistics
import typing as t
from dataclasses import dataclass
from itertools import pairwise

Points = t.Sequence[tuple[float, int]]

# Fewer than this many steps forward say nothing about a rate.
STEPS_NEEDED = 2
GAIN_NEEDED = 3
# Pauses and bursts belong to the rate, so the window is long; only the begin is left out, lest a warm cache colours
# the end. bench/eta.py holds it against the whole way and against the last minute.
WINDOW_SECONDS = 60.0
WINDOW_SHARE = 0.8
# The band: how much the rates of so many equal parts of the window scatter, and a tail that is slower than the rest.
PARTS = 6
SCATTER = 1.3
TAIL = 1.15


@dataclass(frozen=True)
class Pace:
    """Units per second, seconds left and their band, each None as long as it cannot be known."""

    rate: float | None = None
    eta_seconds: float | None = None
    eta_low: float | None = None
    eta_high: float | None = None


def pace(points: Points, left: int | None) -> Pace:
    """The pace of `(time, count)` points in order of time, with `left` units to go."""
    window = _window(points)
    if window is None:
        return Pace()
    (start, before), (end, done) = window[0], window[-1]
    rate = (done - before) / (end - start)
    if left is None:
        return Pace(rate)
    low, high = _band(window, rate, left)
    return Pace(rate, round(left / rate, 1), low, high)


def _window(points: Points) -> Points | None:
    """The points that the rate is taken from, None as long as there are too few."""
    steps = [index for index, (before, after) in enumerate(pairwise(points)) if after[1] > before[1]]
    if len(steps) < STEPS_NEEDED:
        return None
    moving = points[steps[0] :]
    end = moving[-1][0]
    length = max(WINDOW_SECONDS, (end - moving[0][0]) * WINDOW_SHARE)
    recent = [point for point in moving if end - point[0] <= length]
    for window in (recent, moving):
        if window[-1][1] - window[0][1] >= GAIN_NEEDED and window[-1][0] > window[0][0]:
            return window
    return None


def _band(window: Points, rate: float, left: int) -> tuple[float | None, float | None]:
    """The least and the most seconds left, by the scatter of the rates within the window."""
    start, length = window[0][0], (window[-1][0] - window[0][0]) / PARTS
    edges = [
        next(point for point in window if point[0] >= min(start + part * length, window[-1][0]))
        for part in range(PARTS + 1)
    ]
    parts = [(before, after) for before, after in pairwise(edges) if after[0] > before[0]]
    rates = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in parts]
    if len(rates) < PARTS:
        return None, None
    error = SCATTER * statistics.stdev(rates) / math.sqrt(len(rates))
    slowest = rate - error
    return round(left / (rate + error), 1), round(TAIL * left / slowest, 1) if slowest > 0 else None


def rate_words(rate: float) -> str:
    """`4.1/s`, or per minute or hour when a second holds too little of it."""
    for seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if rate * seconds >= 0.95 or unit == "h":
            return f"{rate * seconds:.1f}/{unit}"
    raise AssertionError("unreachable: an hour always answers")


def duration_words(seconds: float) -> str:
    """`6 s`, `3 min`, `2 h 10 min`, `3 d 4 h`."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def progress_words(done: int, expected: int, unit: str, speed: Pace) -> str:
    """`37/62 tracks, 4.1/s, about 6 s left`."""
    words = [f"{done:,}/{expected:,} {unit}"]
    if speed.rate is not None:
        words.append(rate_words(speed.rate))
    if speed.eta_seconds is not None:
        band = ""
        if speed.eta_low is not None and speed.eta_high is not None:
            band = f" ({duration_words(speed.eta_low)} to {duration_words(speed.eta_high)})"
        words.append(f"about {duration_words(speed.eta_seconds)} left{band}")
    elif done < expected:
        words.append("time left unknown")
    return ", ".join(words)
