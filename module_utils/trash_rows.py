# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in the trash of a library: rows marked as deleted, which the server removes for good when it is emptied.

Private to this collection. Everything here is pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Part(NamedTuple):
    """One file as the database has it; location is the folder of the library that it is in."""

    id: int
    item: int
    location: int | None
    marked: bool


@dataclass(frozen=True)
class Rows:
    """What one library holds. parents has every item of it, live or marked, with the item above it."""

    parents: Mapping[int, int | None]
    marked: frozenset[int]
    parts: Sequence[Part]

    @property
    def marked_parts(self) -> frozenset[int]:
        """The files in the trash: marked themselves, or of a marked item."""
        return frozenset(part.id for part in self.parts if self.in_trash(part))

    @property
    def with_live_files(self) -> frozenset[int]:
        """The items that have a file which is not in the trash, and all that is above them."""
        found: set[int] = set()
        for part in self.parts:
            item: int | None = None if self.in_trash(part) else part.item
            while item is not None and item in self.parents and item not in found:
                found.add(item)
                item = self.parents[item]
        return frozenset(found)

    def in_trash(self, part: Part) -> bool:
        """Tell whether emptying the trash removes this file."""
        return part.marked or part.item in self.marked


@dataclass(frozen=True)
class Record:
    """What has to be true afterwards: these rows gone, those still there. Ids of items and of parts."""

    marked_items: frozenset[int]
    marked_parts: frozenset[int]
    live_items: frozenset[int]
    live_parts: frozenset[int]


def record(rows: Rows) -> Record:
    """Write down what emptying must remove and what it must leave.

    An item is to stay when it has a file that stays, or is above one that has. Albums and artists without any are the
    server's to clean up, so they are neither.
    """
    gone = rows.marked_parts
    live_parts = frozenset(part.id for part in rows.parts) - gone
    return Record(rows.marked, gone, rows.with_live_files, live_parts)


def spread(numbers: Collection[int], limit: int) -> list[int]:
    """Choose at most so many, evenly from the lowest to the highest, so that old rows and new ones are among them."""
    ordered = sorted(numbers)
    if len(ordered) <= limit:
        return ordered
    return [ordered[place * len(ordered) // limit] for place in range(limit)]


def samples(rows: Rows, limit: int) -> list[int]:
    """Choose the items to ask about: marked ones, and as a control live ones from the same folders.

    At most about `limit` of either kind, but one of each folder that has any. Items without files are not chosen.
    """
    marked: dict[int | None, set[int]] = {}
    live: dict[int | None, set[int]] = {}
    for part in rows.parts:
        (marked if rows.in_trash(part) else live).setdefault(part.location, set()).add(part.item)
    share = max(1, limit // max(1, len(marked)))
    chosen: set[int] = set()
    for location, items in marked.items():
        chosen |= {*spread(items, share), *spread(live.get(location, ()), share)}
    return sorted(chosen)
