# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words a judgement may say, and what all phases share in finding them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from . import signs
from .pace import duration_words
from .samples import Sample

WAITING = "waiting"
DONE = "done"
ALREADY_COMPLETE = "already_complete"
PARTIAL = "partial"
STALLED = "stalled"
TIMED_OUT = "timed_out"
FAILED = "failed"
REFUSED = "refused"
CAPPED = "capped"
CANCELLED = "cancelled"
MOUNT_LOST = "mount_lost"
NOT_BEGUN = "not_begun"


# Work that neither computes nor finishes anything for this many stall times hangs.
HANGING = 3
# A server that ended and came back so often within the stall time will go on so.
CRASH_LOOP = 5
# One reading of a container that is gone may be a reading between two states.
GONE_SAMPLES = 2


@dataclass(frozen=True)
class Thresholds:
    """Patience of one phase in seconds.

    timeout_seconds and ended_at may be 0: none. frozen_seconds: how long the guard may keep the server frozen
    before the mount is given up. settled_seconds: how long a work that was seen and is no more must stay away to
    count as ended by itself. ended_at: the moment (seconds since 1970) at which money or time is used up.
    """

    quiet_samples: int
    cpu_percent: float
    stall_seconds: float
    timeout_seconds: float
    grace_seconds: float
    frozen_seconds: float = 1800
    settled_seconds: float = 300
    ended_at: float = 0

    @property
    def gap_seconds(self) -> float:
        """A longer pause between two samples says nothing about the time in between."""
        return max(self.stall_seconds / 2, 60)


@dataclass(frozen=True)
class Judgement:
    """One verdict with its numbers; what is not known is None.

    retry: whether beginning the work again may help. eta_low and eta_high: the band around eta_seconds.
    """

    verdict: str
    message: str
    expected: int | None = None
    done: int | None = None
    left: int | None = None
    rate: float | None = None
    eta_seconds: float | None = None
    eta_low: float | None = None
    eta_high: float | None = None
    retry: bool = False

    @property
    def finished(self) -> bool:
        """Whether waiting is over, one way or another."""
        return self.verdict != WAITING


def lost(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> str:
    """Why there is nothing left to wait for, "" when there is."""
    last = lines[1:][-GONE_SAMPLES:]
    if len(last) == GONE_SAMPLES and all(s.get("container") in ("missing", "exited", "dead") for s in last):
        cause = ", killed for want of memory" if last[-1].get("oom_killed") else ""
        return f"the container is {last[-1]['container']}{cause}"
    recent = [at for at in signs.restarts(signs.this_try(lines)) if now - at < thresholds.stall_seconds]
    if len(recent) >= CRASH_LOOP:
        return f"the server ended and came back {len(recent)} times within {duration_words(now - recent[0])}"
    for field, alive, words in (
        ("http", 200, "the server does not answer"),
        ("database", "ok", "the database cannot be read"),
    ):
        silent = _silent(lines, field, alive, thresholds, now)
        if silent >= thresholds.stall_seconds:
            detail = lines[-1].get(f"{field}_words") or lines[-1].get(field)
            return f"{words} for {duration_words(silent)} ({detail})"
    return ""


def frozen(lines: t.Sequence[Sample], now: float) -> float:
    """For how many seconds the guard has kept the server frozen, 0 when it is not."""
    since = None
    for sample in reversed(lines):
        if sample.get("container") != "paused":
            break
        since = float(sample["at"])
    return 0 if since is None else now - since


def _silent(lines: t.Sequence[Sample], field: str, alive: t.Any, thresholds: Thresholds, now: float) -> float:
    """For how long a field has not had its good value, 0 when it has it."""
    if lines[-1].get(field) == alive:
        return 0
    return now - signs.last_when(lines, lambda sample: bool(sample.get(field) == alive), thresholds.gap_seconds)


def known(lines: t.Sequence[Sample]) -> dict[str, int | None] | None:
    """The last counts that could be read."""
    return next((found for sample in reversed(lines) if (found := signs.counts(sample)) is not None), None)


def series(lines: t.Sequence[Sample], name: str) -> tuple[int | None, list[tuple[float, int]]]:
    """The last value of one count, and all its values in order of time."""
    points = [
        (float(sample["at"]), value)
        for sample in lines
        if (found := signs.counts(sample)) is not None and (value := found.get(name)) is not None
    ]
    return (points[-1][1] if points else None), points


def waiting_words(lines: t.Sequence[Sample], thresholds: Thresholds, streak: int, section: int | None) -> str:
    """What is being waited for."""
    if len(lines) < 2:
        return "no sample yet"
    reasons = signs.busy_reasons(lines[-1], thresholds.cpu_percent, section)
    return ", ".join(reasons) if reasons else f"quiet {streak} of {thresholds.quiet_samples}"
