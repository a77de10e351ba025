# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is the scan of a section done, and did it see everything?

Quiet is not enough: a server that went away took its scan along, and a scanner that ended on a database error left a
server as quiet as after a good one. Three witnesses tell: the time of the scan, which the server writes at its end, its
own process, and its logs.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace

from . import signs
from .pace import duration_words, pace
from .processes import SCANNER
from .samples import Sample
from .verdicts import (
    DONE,
    FAILED,
    PARTIAL,
    STALLED,
    WAITING,
    Judgement,
    Thresholds,
    known,
    lost,
    series,
    waiting_words,
)


def scan(lines: t.Sequence[Sample], thresholds: Thresholds, now: float) -> Judgement:
    """The verdict on the scan of one section, or on the refresh of its metadata."""
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
        if _cut_short(lines):
            message = f"the server went away during the scan and has not scanned to the end; {_scan_words(lines)}"
            return replace(facts, verdict=FAILED, message=message)
        if missed := _incomplete(lines):
            message = f"the scan did not see everything, because {missed}; {_scan_words(lines)}"
            return replace(facts, verdict=PARTIAL, message=message)
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
    if at_begin is not None:
        change = (latest["parts"] or 0) - (at_begin["parts"] or 0)
        gone = (latest["parts_deleted"] or 0) - (at_begin["parts_deleted"] or 0)
        words += f" ({change:+,} files" + (f", {gone:,} marked as deleted)" if gone > 0 else ")")
    early = [code for code in _exits(lines) if code]
    if early:
        words += f"; scanners that ended early: {len(early)}, the last with {_exit_words(early[-1])}"
    return words


def _cut_short(lines: t.Sequence[Sample]) -> bool:
    """Whether the server was away during a scan and never said that it has scanned.

    The server writes the time of a scan at its end. One that was killed and came back is quiet, too: its scan is lost.
    """
    silent = any(line.get("http") != 200 and line.get("container") == "running" for line in lines[1:])
    told = [line["scanned_at"] for line in lines if line.get("scanned_at") is not None]
    return (silent or bool(signs.restarts(lines))) and bool(told) and told[-1] == lines[0].get("scanned_at")


def _incomplete(lines: t.Sequence[Sample]) -> str:
    """Why a scan that is over has not seen everything, by the server's own logs; "" when they say nothing of it.

    A scanner that was killed and begun again is made good by the one that came to its end: the time of the scan is new.
    """
    errors = [words for line in lines[1:] for words in line.get("database_errors") or ()]
    if errors:
        return f"the server wrote of its database: {', '.join(dict.fromkeys(errors))}"
    told = lines[-1].get("scanned_at")
    ended_well = told is not None and told != lines[0].get("scanned_at")
    codes = _exits(lines)
    return f"the scanner ended with {_exit_words(codes[-1])}" if codes and codes[-1] and not ended_well else ""


def _exits(lines: t.Sequence[Sample]) -> list[int]:
    return [int(code) for line in lines[1:] for code in line.get("scanner_exits") or ()]


def _exit_words(code: int) -> str:
    """A signal is a negative number to its parent, and 128 more than itself to a shell."""
    signal = -code if code < 0 else code - 128
    return f"signal {signal}" if signal > 0 else f"code {code}"
