# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast it goes, how long it still takes, and how to say so. Unknown stays unknown."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from itertools import pairwise

Points = t.Sequence[tuple[float, int]]

# Fewer than this many steps forward say nothing about a rate.
STEPS_NEEDED = 2
GAIN_NEEDED = 3
# The recent past counts, lest a burst at the start colours the end: at least this long, this share.
WINDOW_SECONDS = 60.0
WINDOW_SHARE = 1 / 3


@dataclass(frozen=True)
class Pace:
    """Units per second and seconds left, each None as long as it cannot be known."""

    rate: float | None = None
    eta_seconds: float | None = None


def pace(points: Points, left: int | None) -> Pace:
    """The pace of `(time, count)` points in order of time, with `left` units to go."""
    rate = _rate(points)
    if rate is None or left is None:
        return Pace(rate)
    return Pace(rate, round(left / rate, 1))


def _rate(points: Points) -> float | None:
    steps = [index for index, (before, after) in enumerate(pairwise(points)) if after[1] > before[1]]
    if len(steps) < STEPS_NEEDED:
        return None
    moving = points[steps[0] :]
    end, done = moving[-1]
    window = max(WINDOW_SECONDS, (end - moving[0][0]) * WINDOW_SHARE)
    start, before = next(point for point in moving if end - point[0] <= window)
    if done - before < GAIN_NEEDED:
        start, before = moving[0]
    if done - before < GAIN_NEEDED or end <= start:
        return None
    return (done - before) / (end - start)


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
        words.append(f"about {duration_words(speed.eta_seconds)} left")
    elif done < expected:
        words.append("time left unknown")
    return ", ".join(words)
