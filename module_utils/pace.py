# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How fast it goes, how long it still takes, and how to say so. Unknown stays unknown."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from . import time_left

Points = t.Sequence[tuple[float, int]]

# Fewer than this many steps forward say nothing about a rate.
STEPS_NEEDED = 2
GAIN_NEEDED = 3


@dataclass(frozen=True)
class Pace:
    """Units per second, seconds left and their band, each None as long as it cannot be known."""

    rate: float | None = None
    eta_seconds: float | None = None
    eta_low: float | None = None
    eta_high: float | None = None


def pace(points: Points, left: int | None) -> Pace:
    """The pace of `(time, count)` points in order of time, with `left` units to go.

    The rate is what was seen, without the excess of bursts. The time left also counts with what is usual and was not
    seen yet, so it is more than `left` by the rate.
    """
    steps = time_left.steps_of(points)
    forward = sum(step.gained > 0 for step in steps)
    if forward < STEPS_NEEDED or sum(step.gained for step in steps) < GAIN_NEEDED:
        return Pace()
    rate = time_left.mean_rate(steps)
    if left is None:
        return Pace(rate)
    done = max(0, points[-1][1] - points[0][1])
    low, high = time_left.bounds(steps, left, done) or (None, None)
    return Pace(rate, round(time_left.seconds_left(steps, left, done), 1), _rounded(low), _rounded(high))


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


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
