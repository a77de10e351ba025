"""The order of a whole section, kept between the pages of one list: nobody sorts 450,000 tracks for each hundred."""

from __future__ import annotations

import json
import sqlite3
import threading
from array import array
from dataclasses import dataclass, field

_KEPT = 4  # orders, each of eight bytes for an item


@dataclass(frozen=True)
class Whole:
    """All items of one type in a section, in one order."""

    section_id: int
    kind: int
    order: str


@dataclass
class Pages:
    """Orders by what they are of; one is good until items come or go (nothing else changes a title here)."""

    kept: dict[Whole, tuple[tuple[int, int], array[int]]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, library: sqlite3.Connection, whole: Whole, start: int, size: int) -> tuple[int, list[sqlite3.Row]]:
        """Give how many items there are, and those of one page."""
        state = self._state(library, whole)
        wanted = self._ids(library, whole, state)[start : start + size] if size else array("q")
        found = library.execute(
            "SELECT * FROM metadata_items WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(wanted.tolist()),)
        )
        by_id = {row["id"]: row for row in found}
        return state[0], [by_id[item_id] for item_id in wanted if item_id in by_id]

    @staticmethod
    def _state(library: sqlite3.Connection, whole: Whole) -> tuple[int, int]:
        """How many items there are, and the newest of them."""
        count, newest = library.execute(
            "SELECT count(*), coalesce(max(id), 0) FROM metadata_items"
            " WHERE library_section_id = ? AND metadata_type = ?",
            (whole.section_id, whole.kind),
        ).fetchone()
        return count, newest

    def _ids(self, library: sqlite3.Connection, whole: Whole, state: tuple[int, int]) -> array[int]:
        with self.lock:
            known = self.kept.get(whole)
            if known is None or known[0] != state:
                ordered = library.execute(
                    "SELECT i.id FROM metadata_items i WHERE i.library_section_id = ? AND i.metadata_type = ?"
                    f" ORDER BY {whole.order}",
                    (whole.section_id, whole.kind),
                )
                known = state, array("q", (item_id for (item_id,) in ordered))
                self.kept.pop(whole, None)
                self.kept[whole] = known
                for oldest in list(self.kept)[:-_KEPT]:
                    del self.kept[oldest]
        return known[1]
