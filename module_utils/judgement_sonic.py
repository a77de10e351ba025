# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the Sonic analysis of a section done?

Two witnesses count: the marker on the track and the vector in the second database. Only when both hold every
track it is `done`; whatever ends before that is `partial` or `stalled`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from . import signs
from .pace import Pace, pace, progress_words
from .processes import ANALYSER
from .samples import RETRY, Sample
from .verdicts import (
    ALREADY_COMPLETE,
    DONE,
    FAILED,
    HANGING,
    PARTIAL,
    STALLED,
    WAITING,
    Judgement,
    Thresholds,
    known,
    lost,
    series,
)

# The witnesses are two files read one after the other: while tracks are written they may differ a little.
WITNESS_SLACK = 5


@dataclass(frozen=True)
class Witnesses:
    """The tracks of a section and what the two witnesses say, now and when the phase began."""

    tracks: int
    marked: int
    vectors: int | None
    tracks_at_begin: int
    marked_at_begin: int

    @property
    def done(self) -> int:
        """Tracks that are done by the word of both witnesses, or of the one that can be read."""
        return min(self.tracks, self.marked if self.vectors is None else min(self.marked, self.vectors))

    @property
    def left(self) -> int:
        """Tracks that at least one witness does not know."""
        return self.tracks - self.done

    @property
    def vanished(self) -> int:
        """Tracks that disappeared while the analysis ran."""
        return max(0, self.tracks_at_begin - self.tracks)

    def disagreement(self, slack: int = 0) -> str:
        """The words for a difference between the witnesses."""
        if self.vectors is None:
            return " (vectors unreadable)"
        if abs(self.marked - self.vectors) <= slack:
            return ""
        return f" (witnesses disagree: {self.marked:,} marked, {self.vectors:,} vectors)"


def sonic(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    """The verdict on the analysis of one section."""
    witnesses = _witnesses(lines)
    trouble = lost(lines, thresholds, now)
    if witnesses is None:
        return Judgement(FAILED if trouble else WAITING, trouble or f"database {lines[-1].get('database')}")
    if not witnesses.tracks:
        return Judgement(FAILED, "the section holds no track, so there is nothing to analyse", 0, 0, 0)
    verdict, reason, retry = _ending(lines, witnesses, thresholds, now, trouble)
    counted = f"{witnesses.done:,}/{witnesses.tracks:,} tracks"
    facts = Judgement(verdict, counted, witnesses.tracks, witnesses.done, witnesses.left, retry=retry)
    if verdict != WAITING:
        words = counted + witnesses.disagreement() + _tries(lines)
        return replace(facts, message=f"{words}; {reason}" if reason else words)
    speed = pace(series(lines, "analysed")[1], witnesses.left) if witnesses.left else Pace()
    words = progress_words(witnesses.done, witnesses.tracks, "tracks", speed)
    return replace(
        facts,
        message=words + witnesses.disagreement(WITNESS_SLACK),
        rate=speed.rate,
        eta_seconds=speed.eta_seconds,
        eta_low=speed.eta_low,
        eta_high=speed.eta_high,
    )


def _ending(
    lines: t.Sequence[Sample], witnesses: Witnesses, thresholds: Thresholds, now: float, trouble: str
) -> tuple[str, str, bool]:
    """The verdict, its reason, and whether another try may help."""
    complete = witnesses.left == 0 and witnesses.vectors is not None
    since = signs.this_try(lines)
    in_grace = now - float(since[0]["at"]) < thresholds.grace_seconds
    if complete and witnesses.vanished:
        verdict = PARTIAL, f"{witnesses.vanished:,} tracks vanished on the way", False
    elif complete:
        before = witnesses.marked_at_begin >= witnesses.tracks and len(lines) == 1
        verdict = (ALREADY_COMPLETE if before else DONE), "", False
    elif trouble:
        verdict = FAILED, trouble, True
    elif in_grace:
        verdict = WAITING, "", False
    elif _only_vectors_missing(since, witnesses, thresholds):
        verdict = PARTIAL, "every track is marked, but vectors are missing", False
    else:
        verdict = _stall(lines, witnesses, thresholds, now)
    return verdict


def _stall(
    lines: t.Sequence[Sample], witnesses: Witnesses, thresholds: Thresholds, now: float
) -> tuple[str, str, bool]:
    """Whether it has ended by itself or hangs.

    An end that was seen needs less patience than silence: the work was there and is no more. Trying again helps
    as long as tries gain tracks; what the last one left, the server cannot analyse.
    """
    silent = now - signs.last_life(lines, thresholds.cpu_percent, (ANALYSER,), thresholds.gap_seconds)
    without_result = now - signs.last_life(lines, thresholds.cpu_percent, (), thresholds.gap_seconds)
    hanging = without_result >= HANGING * thresholds.stall_seconds
    since = signs.this_try(lines)
    ended = not signs.analysing(lines[-1])
    worked = any(map(signs.analysing, since))
    settled = ended and worked and silent >= thresholds.settled_seconds
    if silent < thresholds.stall_seconds and not hanging and not settled:
        return WAITING, "", False
    gained_now = witnesses.marked > ((known(since[:1]) or {}).get("analysed") or 0)
    gained = witnesses.marked > witnesses.marked_at_begin
    if ended and (worked or gained):
        first_try = len(since) == len(lines)
        return PARTIAL, f"the analysis ended by itself with {witnesses.left:,} left", first_try or gained_now
    if ended:
        return STALLED, "the analysis is not running and finished no track", True
    return STALLED, f"the analysis no longer moves, {witnesses.left:,} left", True


def _tries(lines: t.Sequence[Sample]) -> str:
    """How often the work was begun again."""
    again = sum(line.get("kind") == RETRY for line in lines)
    return f" (begun again {again} times)" if again > 1 else " (begun again once)" if again else ""


def _only_vectors_missing(lines: t.Sequence[Sample], witnesses: Witnesses, thresholds: Thresholds) -> bool:
    """Every track is marked and nobody works: the server will not come back to the missing vectors."""
    recent = lines[1:][-thresholds.quiet_samples :]
    idle = len(recent) == thresholds.quiet_samples and not any(
        signs.analysing(sample) or signs.busy_reasons(sample, thresholds.cpu_percent) for sample in recent
    )
    return idle and witnesses.marked >= witnesses.tracks


def _witnesses(lines: t.Sequence[Sample]) -> Witnesses | None:
    now = known(lines)
    if now is None:
        return None
    begin = signs.counts(lines[0]) or now
    return Witnesses(
        tracks=now["tracks"] or 0,
        marked=now["analysed"] or 0,
        vectors=now["vectors"],
        tracks_at_begin=begin["tracks"] or 0,
        marked_at_begin=begin["analysed"] or 0,
    )
