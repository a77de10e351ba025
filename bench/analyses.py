"""Synthetic analyses whose end is known, of three kinds. None was recorded: no rates of a real one are public.

*batches*: a steady rate with noise, bursts (a warm cache), pauses (the guard, another task) and a slow tail.
*tracks*: workers that each take their time for a track, a speed that drifts, pauses of any length, samples at uneven
times, and a tail that is sometimes none. *even*: nothing but chance, which says what expecting a tail costs where there
is none. The estimate was made on the first; the others are there so that it is not made for the first alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

STEP = 30.0


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


@dataclass(frozen=True)
class Traits:
    """What an analysis in batches has of its own: tracks a second, where its tail begins, how fast that goes."""

    rate: float
    tail_from: float
    tail_rate: float


def traits(dice: random.Random) -> Traits:
    """The traits of the analysis in batches that these dice are for."""
    return Traits(dice.uniform(0.2, 3.0), dice.uniform(0.8, 0.95), dice.uniform(0.4, 0.9))


def course(dice: random.Random, own: Traits, tracks: int, done: float) -> list[tuple[float, int]]:
    """The samples from a number of tracks to the end."""
    now, points, idle, burst = 0.0, [(0.0, int(done))], 0, 0
    while done < tracks:
        now += STEP
        if idle:
            idle -= 1
        elif dice.random() < 0.01:
            idle = dice.randint(1, 12)
        else:
            burst = burst - 1 if burst else (dice.randint(1, 8) if dice.random() < 0.02 else 0)
            speed = own.rate * dice.lognormvariate(0, 0.35) * (2.5 if burst else 1)
            done += STEP * speed * (own.tail_rate if done > own.tail_from * tracks else 1)
        points.append((now, min(tracks, int(done))))
    return points


def in_batches(seed: int, tracks: int) -> Analysis:
    """One analysis in batches."""
    dice = random.Random(seed)
    points = course(dice, traits(dice), tracks, 0.0)
    return Analysis(tracks, points, points[-1][0])


def by_tracks(seed: int, tracks: int) -> Analysis:
    """One analysis track by track."""
    dice = random.Random(f"tracks {seed}")
    rate = dice.choice((2, 4, 8, 16)) / dice.uniform(3, 12)
    tail_from, tail_rate = dice.uniform(0.85, 1.0), 1 / dice.uniform(1.2, 2.5)
    every, pause = dice.uniform(1800, 7200), dice.uniform(60, 400)
    drift, idle, until_pause = 0.0, 0.0, dice.expovariate(1 / every)
    now, done, points = 0.0, 0.0, [(0.0, 0)]
    while done < tracks:
        seconds = dice.uniform(28, 36)
        drift = 0.9 * drift + math.sqrt(1 - 0.9**2) * dice.gauss(0, 0.3)
        until_pause -= seconds
        if idle <= 0 and until_pause <= 0:
            idle, until_pause = dice.expovariate(1 / pause), dice.expovariate(1 / every)
        working = seconds - min(idle, seconds)
        idle = max(0.0, idle - seconds)
        mean = rate * math.exp(drift) * working * (tail_rate if done > tail_from * tracks else 1)
        # What ends in a time when each track takes a gamma-distributed one of shape 2.
        done += max(0.0, dice.gauss(mean, math.sqrt(mean / 2)))
        now += seconds
        points.append((now, min(tracks, int(done))))
    return Analysis(tracks, points, now)


def even(seed: int, tracks: int) -> Analysis:
    """One analysis without bursts, pauses or a tail."""
    dice = random.Random(f"even {seed}")
    rate = dice.uniform(0.2, 3.0)
    now, done, points = 0.0, 0.0, [(0.0, 0)]
    while done < tracks:
        mean = rate * STEP * dice.lognormvariate(0, 0.1)
        done += max(0.0, dice.gauss(mean, math.sqrt(mean)))
        now += STEP
        points.append((now, min(tracks, int(done))))
    return Analysis(tracks, points, now)


KINDS: dict[str, Callable[[int, int], Analysis]] = {"batches": in_batches, "tracks": by_tracks, "even": even}
