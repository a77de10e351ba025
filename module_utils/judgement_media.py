# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the media analysis of a section done?

The items do not change while the server looks into their files, so this phase is watched by the media that are
analysed, by the streams they gain, and by processes and CPU.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from . import signs
from .pace import Pace, duration_words, pace, progress_words
from .processes import MEDIA
from .samples import Sample
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


def media(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    """The verdict on the media analysis of one section."""
    counted, trouble = known(lines), lost(lines, thresholds, now)
    if counted is None:
        return Judgement(FAILED if trouble else WAITING, trouble or f"database {lines[-1].get('database')}")
    total, done = counted.get("media") or 0, counted.get("media_analysed") or 0
    left = total - done
    speed = pace(series(lines, "media_analysed")[1], left) if left else Pace()
    facts = Judgement(WAITING, progress_words(done, total, "media", speed), total, done, left, rate=speed.rate)
    verdict, reason = (FAILED, trouble) if trouble else _ending(lines, left, thresholds, now)
    if verdict == WAITING:
        return replace(facts, eta_seconds=speed.eta_seconds, eta_low=speed.eta_low, eta_high=speed.eta_high)
    words = f"{done:,}/{total:,} media analysed"
    return replace(facts, verdict=verdict, message=f"{words}; {reason}" if reason else words)


def _ending(lines: t.Sequence[Sample], left: int, thresholds: Thresholds, now: float) -> tuple[str, str]:
    """The verdict and its reason.

    A server that is idle has nothing more to look into: what it left it cannot read. One that hangs is not idle.
    """
    section = t.cast("int | None", lines[0].get("section"))
    working = [signs.analysing_media(line, section) for line in lines]
    if not left and len(lines) == 1:
        return ALREADY_COMPLETE, ""
    streak = signs.quiet_streak(lines[1:], thresholds.cpu_percent, section)
    idle = streak >= thresholds.quiet_samples and not any(working[-thresholds.quiet_samples :])
    if not left and idle:
        return DONE, ""
    silent = now - signs.last_life(lines, thresholds.cpu_percent, (MEDIA,), thresholds.gap_seconds)
    without_result = now - signs.last_life(lines, thresholds.cpu_percent, (), thresholds.gap_seconds)
    if now - float(lines[0]["at"]) < thresholds.grace_seconds:
        return WAITING, ""
    if left and idle and silent >= thresholds.settled_seconds:
        seen = "ended by itself" if any(working) else "did not begin, because the server found nothing to do"
        return PARTIAL, f"the analysis {seen} with {left:,} left"
    if silent >= thresholds.stall_seconds or without_result >= HANGING * thresholds.stall_seconds:
        return STALLED, f"nothing moves any more for {duration_words(without_result)}, {left:,} left"
    return WAITING, ""
