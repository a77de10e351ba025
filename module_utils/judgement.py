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
from .judgement_scan import scan
from .judgement_sonic import sonic
from .pace import duration_words
from .samples import Sample
from .verdicts import (
    CANCELLED,
    CAPPED,
    DONE,
    FAILED,
    MOUNT_LOST,
    NOT_BEGUN,
    TIMED_OUT,
    WAITING,
    Judgement,
    Thresholds,
    frozen,
    known,
    lost,
    waiting_words,
)

PHASES = ("stabilise", "scan", "analyse", "refresh", "sonic")


def judge(phase: str, lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    """The verdict on a phase from its begin line and all samples since."""
    rules = {"stabilise": _stabilise, "scan": scan, "analyse": media, "refresh": scan, "sonic": sonic}
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
    # Also when this is the first sample of a frozen server: for how long it has been does not matter then.
    if lines[-1].get("container") == "paused" and (reason := lines[-1].get("given_up")):
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


def report(phase: str, lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> dict[str, t.Any]:
    """The verdict as the result of a module, and what of it goes into the ledger."""
    judgement = judge(phase, lines, thresholds, now)
    facts = asdict(judgement)
    # What the guard did meanwhile belongs to whatever is told about the phase.
    facts["message"] = "; ".join(filter(None, (judgement.message, lines[-1].get("mount"))))
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
