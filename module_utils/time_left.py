# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long what is left will take, and between which bounds, from the steps that were seen.

What has been seen is mixed with what is usual as long as too little was seen: pauses are rare, so an hour without one
does not promise the next, and the last tracks are slow before anybody has seen them be. bench/eta.py holds the result
against analyses whose end is known.
"""

from __future__ import annotations

import math
import statistics
import typing as t
from dataclasses import dataclass
from itertools import pairwise

# A step faster than so many times the usual one is a burst, and counts as no more than that: a warm cache at the begin
# must not colour the end. No more units than BY_CHANCE in a step are no burst.
BURST = 2.0
BY_CHANCE = 3
# Without a step forward for so many times the usual is a pause. Usual are three minutes of it in an hour.
PAUSE = 6.0
USUAL_PAUSE, USUAL_SECONDS = 180.0, 3600.0
# The last part of the work, and how fast it goes in relation to what came before: as expected, at best, at worst.
TAIL = 0.2
TAIL_SPEED, TAIL_FASTEST, TAIL_SLOWEST = 0.8, 1.0, 0.4
# The band, which is to hold the real time in four of five cases: how much so many equal parts of the time differ, in
# times of their deviation; a forecast is never better than CHANCE; before STEPS_NEEDED there is too little to compare.
PARTS = 6
DEVIATIONS = 1.8
CHANCE = 0.15
STEPS_NEEDED = 12


@dataclass(frozen=True)
class Step:
    """Seconds between two samples, units gained in them, units done before them in this phase."""

    seconds: float
    gained: float
    before: int


Steps = t.Sequence[Step]


def steps_of(points: t.Sequence[tuple[float, int]]) -> list[Step]:
    """The steps between `(time, count)` points, from the first that gained something, bursts cut down.

    A count that falls (a database put back) is no step back: what is left to do is counted elsewhere.
    """
    begin = points[0][1] if points else 0
    raw = [
        Step(now - then, max(0, after - before), before - begin) for (then, before), (now, after) in pairwise(points)
    ]
    first = next((index for index, step in enumerate(raw) if step.gained > 0), len(raw))
    moving = [step for step in raw[first:] if step.seconds > 0]
    rates = [step.gained / step.seconds for step in moving if step.gained > 0]
    if not rates:
        return moving
    most = BURST * statistics.median(rates)
    return [Step(s.seconds, min(s.gained, max(most * s.seconds, BY_CHANCE)), s.before) for s in moving]


def mean_rate(steps: Steps) -> float:
    """Units per second, pauses included; 0 without a step."""
    seconds = sum(step.seconds for step in steps)
    return sum(step.gained for step in steps) / seconds if seconds else 0.0


def expected_rate(steps: Steps) -> float:
    """Units per second to be expected: what was seen at work, with pauses as seen and as usual."""
    seconds = sum(step.seconds for step in steps)
    still = _still(steps)
    gained = sum(step.gained for step in steps)
    share = (USUAL_PAUSE + still) / (USUAL_SECONDS + seconds)
    return gained / (seconds - still) * (1 - share)


def _still(steps: Steps) -> float:
    """Seconds of pauses."""
    waits, wait = [], 0.0
    for step in steps:
        wait += step.seconds
        if step.gained > 0:
            waits.append(wait)
            wait = 0.0
    usual = statistics.median(waits)
    return sum(each - usual for each in (*waits, wait) if each > PAUSE * usual)


def seconds_left(steps: Steps, left: int, done: int, tail_speed: float = TAIL_SPEED) -> float:
    """Seconds that `left` units take after `done` ones of the same phase.

    Of the tail the part that was seen already tells how fast the rest will go, the more of it the more.
    """
    total = done + left
    tail_begins = (1 - TAIL) * total
    in_tail = [step for step in steps if step.before >= tail_begins]
    ahead = [step for step in steps if step.before < tail_begins]
    if not any(step.gained for step in ahead) or not any(step.gained for step in in_tail):
        ahead, in_tail = list(steps), []
    rate = expected_rate(ahead)
    slow = min(left, total - tail_begins)
    if in_tail:
        seen = max(0.0, (done - tail_begins) / (total - tail_begins)) ** 2
        tail_speed = tail_speed ** (1 - seen) * (mean_rate(in_tail) / mean_rate(ahead)) ** seen
    return (left - slow) / rate + slow / (rate * tail_speed)


def bounds(steps: Steps, left: int, done: int) -> tuple[float, float] | None:
    """The least and the most seconds, of which four of five times neither is passed; None when that cannot be known."""
    if len(steps) < STEPS_NEEDED or left <= 0:
        return None
    expected = seconds_left(steps, left, done)
    parts = _parts(steps)
    scatter = statistics.stdev(parts) / statistics.fmean(parts)
    # The mean of the parts is uncertain, and so is that of those to come: the fewer, the more.
    to_come = expected * PARTS / sum(step.seconds for step in steps)
    chance = math.hypot(DEVIATIONS * scatter * math.sqrt(1 / PARTS + 1 / to_come), CHANCE)
    least, most = (
        math.hypot(chance, math.log(seconds_left(steps, left, done, speed) / expected))
        for speed in (TAIL_FASTEST, TAIL_SLOWEST)
    )
    return expected * math.exp(-least), expected * math.exp(most)


def _parts(steps: Steps) -> list[float]:
    """What was gained in each of PARTS equal parts of the time."""
    length = sum(step.seconds for step in steps) / PARTS
    gained, now = [0.0] * PARTS, 0.0
    for step in steps:
        first, last = (min(PARTS - 1, int(at / length)) for at in (now, now + step.seconds))
        for part in range(first, last + 1):
            shared = min(now + step.seconds, (part + 1) * length) - max(now, part * length)
            gained[part] += step.gained * max(0.0, shared) / step.seconds
        now += step.seconds
    return gained
