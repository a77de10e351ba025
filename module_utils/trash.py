# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""May the trash of a library be emptied, and did emptying remove what was in it and nothing else?

Private to this collection. Everything here is pure; trash_reading.py asks the database and the server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .trash_rows import Part, Record, Rows

NOTHING, KEPT, MAY_BE_EMPTIED = "nothing", "kept", "may_be_emptied"
EMPTIED, PARTIAL, FAILED = "emptied", "partial", "failed"
SCANNED = frozenset({"done", "already_complete"})


@dataclass(frozen=True)
class Answer:
    """What the server said of one file; None is what it did not say."""

    part: Part
    marked: bool
    exists: bool | None
    accessible: bool | None
    file: str = ""


@dataclass(frozen=True)
class Judgement:
    """A word, why as the second half of a sentence, and how many items the trash gave up."""

    verdict: str
    message: str
    items: int = 0


def doubt_of_scans(ends: Sequence[Mapping[str, Any]], section: int) -> list[str]:
    """Why the marks of a section may not be true, going by how its scans ended (the ledger's `results.scan`)."""
    verdicts = [str(end.get("verdict")) for end in ends if end.get("section") == section]
    if not verdicts:
        return ["it was not scanned in this run"]
    return [f"its scan ended {verdict.replace('_', ' ')}" for verdict in verdicts if verdict not in SCANNED]


def may_be_emptied(rows: Rows, answers: Sequence[Answer], doubts: Sequence[str]) -> Judgement:
    """Say whether the trash may be emptied. Every doubt keeps it; marked items come back when their files do."""
    if not rows.marked and not rows.marked_parts:
        return Judgement(NOTHING, "nothing is in the trash")
    doubts = list(doubts) or _doubts_of_rows(rows) or _doubts_of_answers(answers)
    if doubts:
        return Judgement(KEPT, f"the trash stays ({_counted(rows)}), because {'; '.join(doubts)}")
    gone = sum(answer.marked for answer in answers)
    return Judgement(
        MAY_BE_EMPTIED,
        f"the trash may be emptied ({_counted(rows)}): of {gone} of these files the server says that they are gone, of"
        f" {len(answers) - gone} others that they are there",
    )


def _counted(rows: Rows) -> str:
    return f"{len(rows.marked)} items, {len(rows.marked_parts)} files"


def _doubts_of_rows(rows: Rows) -> list[str]:
    """An album in the trash would take its tracks along."""
    above = rows.marked & rows.with_live_files
    return [f"{len(above)} items in it are above files that are not in it"] if above else []


def _doubts_of_answers(answers: Sequence[Answer]) -> list[str]:
    """The first reason not to believe that the files are gone. The control comes first: without it the rest is void."""
    marked = [answer for answer in answers if answer.marked]
    live = [answer for answer in answers if not answer.marked]
    if not marked:
        return ["none of it has a file that the server could be asked about"]
    if {answer.part.location for answer in marked} - {answer.part.location for answer in live}:
        return ["its folder has no other file that the server could be asked about, so its word proves nothing"]
    silent = [answer for answer in answers if answer.exists is None or answer.accessible is None]
    if silent:
        return [f"the server does not say whether {len(silent)} of {len(answers)} files are there ({silent[0].file})"]
    unreadable = [answer for answer in live if not (answer.exists and answer.accessible)]
    if unreadable:
        words = f"{len(unreadable)} of {len(live)} files that are not in the trash ({unreadable[0].file})"
        return [f"the server cannot read {words}, so its word about the others proves nothing"]
    there = [answer for answer in marked if answer.exists or answer.accessible]
    if there:
        words = f"{len(there)} of {len(marked)} files in it ({there[0].file})"
        return [f"the server sees {words}, which a forced scan would take out of it"]
    return []


def compare(before: Record, rows: Rows, *, refreshing: bool) -> Judgement:
    """Say what emptying has removed so far: PARTIAL while something marked is left, FAILED when anything else went."""
    parts = frozenset(part.id for part in rows.parts)
    lost_items, lost_parts = before.live_items - rows.parents.keys(), before.live_parts - parts
    if lost_items or lost_parts:
        named = ", ".join(str(number) for number in sorted(lost_items or lost_parts)[:5])
        return Judgement(
            FAILED,
            f"emptying the trash removed {len(lost_items)} items and {len(lost_parts)} files that were not in it"
            f" ({'items' if lost_items else 'parts'} {named})",
        )
    items = (before.marked_items & rows.parents.keys()) | rows.marked
    left = (before.marked_parts & parts) | rows.marked_parts
    if items or left:
        return Judgement(PARTIAL, f"{len(items)} items and {len(left)} files are still in the trash")
    if refreshing:
        return Judgement(PARTIAL, "the trash is empty, and the server still works on the library")
    return Judgement(
        EMPTIED,
        f"the trash was emptied: {len(before.marked_items)} items and {len(before.marked_parts)} files that are gone,"
        " and nothing else",
        len(before.marked_items),
    )
