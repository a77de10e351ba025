# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is it done, stalled, partial? Pure functions over the samples of one phase.

The first line is the begin of the phase with the counts before it; time comes in as an argument. `done` is
said only on evidence: everything else has a word of its own.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, replace

from . import signs
from .judgement_media import media
from .judgement_sonic import sonic
from .pace import duration_words, pace
from .processes import SCANNER
from .samples import Sample
from .verdicts import (
    CANCELLED,
    CAPPED,
    DONE,
    FAILED,
    MOUNT_LOST,
    NOT_BEGUN,
    STALLED,
    TIMED_OUT,
    WAITING,
    Judgement,
    Thresholds,
    frozen,
    known,
    lost,
    series,
    waiting_words,
)

PHASES = ("stabilise", "scan", "analyse", "refresh", "sonic")


def judge(phase: str, lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    """The verdict on a phase from its begin line and all samples since."""
    rules = {"stabilise": _stabilise, "scan": _scan, "analyse": media, "refresh": _scan, "sonic": sonic}
    judgement = rules[phase](lines, thresholds, now)
    if judgement.finished:
        return judgement
    verdict, reason = _over(lines, thresholds, now)
    if verdict == WAITING:
        return judgement
    words = f"{reason}: {judgement.message}"
    return replace(judgement, verdict=verdict, message=words, eta_seconds=None, eta_low=None, eta_high=None)


def _over(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> tuple[str, str]:
    """The end that no phase can outlive, and why; WAITING when there is none yet."""
    cold = frozen(lines, now)
    if cold and (reason := lines[-1].get("given_up")):
        return MOUNT_LOST, f"the guard gave the mount up because {reason}"
    if cold >= thresholds.frozen_seconds:
        return MOUNT_LOST, f"the server has been frozen for {duration_words(cold)} because its mount is sick"
    if thresholds.ended_at and now >= thresholds.ended_at:
        return CAPPED, "the time that may be paid for is used up"
    if thresholds.timeout_seconds and now - float(lines[0]["at"]) >= thresholds.timeout_seconds:
        return TIMED_OUT, f"not finished after {duration_words(thresholds.timeout_seconds)}"
    return WAITING, ""


def _stabilise(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    trouble = lost(lines, thresholds, now)
    if trouble:
        return Judgement(FAILED, trouble)
    streak = signs.quiet_streak(lines[1:], thresholds.cpu_percent)
    in_grace = now - float(lines[0]["at"]) < thresholds.grace_seconds
    if streak >= thresholds.quiet_samples and not in_grace:
        return Judgement(DONE, f"quiet {streak} times in a row")
    return Judgement(WAITING, waiting_words(lines, thresholds, streak, None))


def _scan(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    section = t.cast("int | None", lines[0].get("section"))
    files, points = series(lines, "parts")
    speed = pace(points, None)
    facts = Judgement(WAITING, "", done=files, rate=speed.rate)
    trouble = lost(lines, thresholds, now)
    if trouble:
        return replace(facts, verdict=FAILED, message=trouble)
    streak = signs.quiet_streak(lines[1:], thresholds.cpu_percent, section)
    moved = signs.last_life(lines, thresholds.cpu_percent, (SCANNER,), thresholds.gap_seconds)
    settled = streak >= thresholds.quiet_samples and signs.still(lines[1:], thresholds.quiet_samples)
    if settled and now - float(lines[0]["at"]) >= thresholds.grace_seconds and signs.scan_seen(lines, section):
        if signs.cut_short(lines):
            message = f"the server went away during the scan and has not scanned to the end; {_scan_words(lines)}"
            return replace(facts, verdict=FAILED, message=message)
        return replace(facts, verdict=DONE, message=_scan_words(lines))
    if now - moved >= thresholds.stall_seconds:
        why = "the scan never began" if not signs.scan_seen(lines, section) else "nothing moves any more"
        message = f"{why} for {duration_words(now - moved)}, {waiting_words(lines, thresholds, streak, section)}"
        return replace(facts, verdict=STALLED, message=message)
    message = f"{_scan_words(lines)}; {waiting_words(lines, thresholds, streak, section)}"
    return replace(facts, message=message)


def _scan_words(lines: t.Sequence[Sample]) -> str:
    latest, at_begin = known(lines), signs.counts(lines[0])
    if latest is None:
        return "no counts yet"
    words = f"{latest['items']:,} items in {latest['parts']:,} files"
    if at_begin is None:
        return words
    change = (latest["parts"] or 0) - (at_begin["parts"] or 0)
    gone = (latest["parts_deleted"] or 0) - (at_begin["parts_deleted"] or 0)
    return f"{words} ({change:+,} files" + (f", {gone:,} marked as deleted)" if gone > 0 else ")")


def report(phase: str, lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> dict[str, t.Any]:
    """The verdict as the result of a module, and what of it goes into the ledger."""
    judgement = judge(phase, lines, thresholds, now)
    facts = asdict(judgement)
    result = {
        "section": lines[0].get("section"),
        "title": lines[0].get("title", ""),
        **{name: facts[name] for name in ("verdict", "message", "expected", "done", "left")},
        "elapsed_seconds": round(now - float(lines[0]["at"]), 1),
        "before": signs.counts(lines[0]),
        "after": known(lines),
    }
    return {**facts, "finished": judgement.finished, "result": result}


def cut_off(judged: dict[str, t.Any]) -> dict[str, t.Any]:
    """The same report at the end of the stage: what still waited then was cancelled, and nobody waits any more."""
    if judged["verdict"] != WAITING:
        return judged
    words = {"verdict": CANCELLED, "message": f"cut off: {judged['message']}"}
    return {**judged, **words, "finished": True, "retry": False, "result": {**judged["result"], **words}}


def not_begun(facts: dict[str, t.Any]) -> dict[str, t.Any]:
    """What to say about a phase that this run has not begun."""
    words = {"verdict": NOT_BEGUN, "message": "not begun"}
    return {**words, "finished": False, "result": {**facts, **words}}
