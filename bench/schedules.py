"""Synthetic work of a media server with a known end, sampled as a run samples it: for benches and property tests.

A schedule is the truth: what the server does in each second and when it is really idle. The samples are what can be
seen of it: the processor's time counts since the sample before, and whoever works on an item writes a row, so that
`changed_at` tells of a child that came and went between two samples. Gaps in which nothing can be seen (between two
directories, before the metadata work begins, before a late child) are shorter than the quiet time that a judgement
asks for: a server that hides longer cannot be told from an idle one by anybody.
"""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass

Sample = dict[str, t.Any]
SECTION = 5
SCANNING = "library.update.section"
METADATA = "library.update.item.metadata"
# What a gap may last at most: two of the three samples in a row that mean quiet, ten seconds apart.
LONGEST_GAP = 18.0


@dataclass(frozen=True)
class Stretch:
    """What the server does from a moment on, in seconds since the begin."""

    start: float
    end: float
    activity: str = ""
    process: str = ""
    cpu: float = 3.0
    refreshing: bool = False
    gain: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """All that one phase does; `idle_from` is the truth a judgement is held against."""

    stretches: tuple[Stretch, ...]

    @property
    def idle_from(self) -> float:
        """When the last stretch with work ended."""
        return max(stretch.end for stretch in self.stretches if stretch.activity or stretch.process or stretch.gain)

    def sample(self, at: float, before: float) -> Sample:
        """What can be seen at one moment, and of the processor since the moment before."""
        now = [stretch for stretch in self.stretches if stretch.start <= at < stretch.end]
        past = [stretch for stretch in self.stretches if stretch.start < at]
        done = sum(int(stretch.gain * (min(at, stretch.end) - stretch.start)) for stretch in past)
        written = sum(1 + int(stretch.gain > 0) for stretch in past if stretch.activity)
        busy = sum(s.cpu * max(0.0, min(at, s.end) - max(before, s.start)) for s in self.stretches)
        kinds = ("scanner", "deep", "analyser")
        activities = [
            {"type": s.activity, "title": "work", "subtitle": "", "progress": 5, "section": SECTION}
            for s in now
            if s.activity
        ]
        return {
            "kind": "sample",
            "at": at,
            "container": "running",
            "http": 200,
            "activities": activities,
            "refreshing": any(stretch.refreshing for stretch in now),
            "scanned_at": 1000,
            "processes": {**{kind: sum(s.process == kind for s in now) for kind in kinds}, "server": 1},
            "cpu_percent": 3.0 + busy / (at - before),
            "database": "ok",
            "counts": {
                **dict.fromkeys(("items_deleted", "parts_deleted"), 0),
                "items": 100 + done,
                "parts": 80 + done,
                "tracks": 1000,
                "changed_at": 500 + done + written,
                "analysed": done,
                "vectors": done,
            },
        }

    def series(self, until: float, step: float, offset: float = 0) -> t.Iterator[list[Sample]]:
        """The lines as they grow, sample by sample, from the begin on."""
        lines = [{**self.sample(-1.0, -2.0), "at": 0.0, "kind": "begin", "section": SECTION}]
        at = step + offset
        while at <= until:
            lines.append(self.sample(at, lines[-1]["at"]))
            yield lines
            at += step


def scan(seed: int) -> Schedule:
    """A scan: directories with pauses between them, the metadata tail, late children."""
    dice = random.Random(seed)
    now, stretches = dice.uniform(0, 8), []
    for _ in range(dice.randint(1, 12)):
        length = dice.uniform(1, 120)
        burst = dice.choice((0.0, 0.05, 0.5, 5.0))
        cpu = dice.uniform(0, 150)
        work = Stretch(now, now + length, SCANNING, "scanner", cpu, refreshing=True, gain=burst)
        stretches.append(work)
        now += length + dice.choice((0.0, dice.uniform(0, LONGEST_GAP)))
    # The section stops refreshing about 28 s before its metadata work ends.
    stretches.append(Stretch(now, now + 28, METADATA, cpu=dice.uniform(0, 60), gain=0.2))
    now += 28
    for _ in range(dice.randint(0, 3)):
        now += dice.uniform(0, LONGEST_GAP)
        length = dice.uniform(3, 40)
        kind = dice.choice(("scanner", ""))
        stretches.append(Stretch(now, now + length, METADATA, kind, dice.uniform(0, 90), gain=0.1))
        now += length
    if dice.random() < 0.3:  # the butler's deep children work on after the scan, and are none of it
        stretches.append(Stretch(0, now, process="deep", cpu=5))
    return Schedule(tuple(stretches))
