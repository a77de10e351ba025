# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two censuses of a library compared: what was gained, what was lost, and whether that is too much.

Private to this collection and pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .census import Census
from .plex_db import PARENTS_AND_EXTRAS, TRACK


@dataclass
class SectionChange:
    """What happened to one section between two censuses."""

    id: int
    name: str
    type: str
    selected: bool
    state: str = "kept"
    gained: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    """Live items that are gone, or marked in a section that nobody asked for."""
    marked: dict[str, int] = field(default_factory=dict)
    """Live items that are marked as deleted now, or were emptied from the trash on request: their files are gone."""
    regrouped: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    analysed_before: int = 0
    analysed_after: int = 0
    pending: int = 0
    total: int = 0
    """Live items before, without albums and other parents."""
    untouched: bool = True

    @property
    def lost_items(self) -> int:
        """How many live items are no longer there."""
        return sum(self.lost.values())

    @property
    def marked_items(self) -> int:
        """How many live items are marked now, or were emptied from the trash on request."""
        return sum(self.marked.values())

    @property
    def analyses_lost(self) -> int:
        """How many tracks are analysed no more, without those that are marked."""
        return max(self.analysed_before - self.analysed_after - self.marked.get(str(TRACK), 0), 0)

    @property
    def passes_limit(self) -> bool:
        """Whether so much is gone or marked that a run has to stop."""
        gone = self.marked_items + max(self.lost_items, self.analyses_lost)
        return self.state == "gone" or passes_limit(gone, self.total)


@dataclass
class Comparison:
    """Two censuses compared, section by section."""

    sections: list[SectionChange]

    @property
    def lost(self) -> list[SectionChange]:
        """Sections that lost live items or analysed tracks, are gone, or have more marked than is allowed."""
        return [
            change
            for change in self.sections
            if change.lost or change.analyses_lost or change.state == "gone" or (change.marked and change.passes_limit)
        ]

    @property
    def disturbed(self) -> list[SectionChange]:
        """Sections nobody asked for that are not as they were."""
        return [change for change in self.sections if not change.selected and not change.untouched]

    @property
    def analysed_gained(self) -> int:
        """How many tracks more are analysed."""
        return sum(change.analysed_after - change.analysed_before for change in self.sections)


def _falls(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {kind: count - after.get(kind, 0) for kind, count in before.items() if after.get(kind, 0) < count}


def is_selected(section: Mapping[str, Any], selected: Collection[str]) -> bool:
    """Tell whether a run works on a section: by name, or all but photos when no name was given."""
    return section["name"] in selected if selected else section["type"] != "photo"


def _explained(falls: Mapping[str, int], marks: Mapping[str, int], emptied: int) -> dict[str, int]:
    """Give those of the missing items that are marked, or that the trash gave up on request."""
    marked = {kind: min(count, marks.get(kind, 0)) for kind, count in falls.items()}
    if sum(falls.values()) <= sum(marked.values()) + emptied:
        marked = dict(falls)
    return {kind: count for kind, count in marked.items() if count}


def _change(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, selected: bool, emptied: int
) -> SectionChange:
    known = after or before or {}
    nothing: dict[str, Any] = {"items": {}, "deleted": {}, "analysed": 0}
    old, new = before or nothing, after or nothing
    falls = _falls(old["items"], new["items"])
    parents = {str(kind) for kind in PARENTS_AND_EXTRAS} if selected else set()
    tracks = new["items"].get(str(TRACK), 0)
    missing = {kind: count for kind, count in falls.items() if kind not in parents}
    marks = _falls(new["deleted"], old["deleted"])
    marked = _explained(missing, marks, emptied) if selected else {}
    return SectionChange(
        id=known["id"],
        name=known["name"],
        type=known["type"],
        selected=selected,
        state="gone" if after is None else "new" if before is None else "kept",
        gained=_falls(new["items"], old["items"]),
        lost={kind: count - marked.get(kind, 0) for kind, count in missing.items() if count > marked.get(kind, 0)},
        marked=marked,
        regrouped={kind: count for kind, count in falls.items() if kind in parents},
        deleted=marks,
        analysed_before=old["analysed"],
        analysed_after=new["analysed"],
        pending=tracks - new["analysed"],
        total=sum(count for kind, count in old["items"].items() if kind not in parents),
        untouched=before == after,
    )


def compare(
    before: Census, after: Census, selected: Collection[str] = (), emptied: Mapping[int, int] | None = None
) -> Comparison:
    """Say what was gained and lost from one census to the next.

    emptied: by section, how many items the trash gave up because it was asked to.
    """
    old = {section["id"]: section for section in before["sections"]}
    new = {section["id"]: section for section in after["sections"]}
    return Comparison(
        [
            _change(
                old.get(key),
                new.get(key),
                is_selected(new.get(key) or old[key], selected),
                (emptied or {}).get(key, 0),
            )
            for key in sorted({*old, *new})
        ]
    )


def passes_limit(lost: int, total: int, at_least: int = 20, percent: float = 1.0) -> bool:
    """Tell whether a loss is more than the larger of a number and a share: then the run must stop."""
    return lost > max(at_least, total * percent / 100)
