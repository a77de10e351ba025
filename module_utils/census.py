# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A census counts what a library holds, per section; comparing two says what was gained and what was lost.

Private to this collection. take() reads, compare() is pure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .plex_db import ANALYSED, BLOBS, LIBRARY, PARENTS_AND_EXTRAS, TRACK, VECTOR_BLOB, attach_blobs, reading, sections

Census = dict[str, Any]

# Answered by an index alone.
_ITEMS = "SELECT library_section_id, metadata_type, count(*) FROM metadata_items GROUP BY 1, 2"
# `> 0` and not `IS NOT NULL`, which SQLite does not look up in the index.
_DELETED = """
SELECT library_section_id, metadata_type, count(*) FROM metadata_items
WHERE deleted_at > 0 GROUP BY +library_section_id, +metadata_type
"""
# This one reads every row, in the order of the file; per section how many tracks and items, and which tracks.
MARKED = """
SELECT library_section_id, sum(metadata_type = :track), count(*),
  group_concat(CASE metadata_type WHEN :track THEN id END)
FROM metadata_items NOT INDEXED WHERE extra_data > '' AND deleted_at IS NULL AND instr(extra_data, :mark) GROUP BY 1
"""
MARKS = {"track": TRACK, "mark": ANALYSED.strip("%")}
_PARTS = """
SELECT media_items.library_section_id, count(*)
FROM media_items JOIN media_parts ON media_items.id = media_parts.media_item_id GROUP BY 1
"""
_PARTS_DELETED = _PARTS.replace("GROUP", "WHERE media_parts.deleted_at > 0 GROUP")
_VECTORS = """
SELECT metadata_items.library_section_id, count(*)
FROM blobs.blobs AS vector JOIN metadata_items ON metadata_items.id = vector.linked_id
WHERE vector.linked_type = 'metadata_item' AND vector.blob_type = ? GROUP BY 1
"""
_ALL_VECTORS = "SELECT count(*) FROM blobs.blobs WHERE linked_type = 'metadata_item' AND blob_type = ?"


def count_rows(connection: sqlite3.Connection) -> Census:
    """Count items and parts of the library of an open connection; cheap on a large library."""
    found: dict[int, dict[str, Any]] = {
        section["id"]: {
            "id": section["id"],
            "name": section["name"],
            "type": section["type"],
            "items": {},
            "deleted": {},
            "parts": 0,
            "parts_deleted": 0,
        }
        for section in sections(connection)
    }
    deleted = {(key, kind): count for key, kind, count in connection.execute(_DELETED)}
    unsectioned: dict[str, int] = {}
    for key, kind, count in connection.execute(_ITEMS):
        gone = deleted.get((key, kind), 0)
        # Playlists and extras belong to no section; placeholder rows belong to section -2.
        live = found[key]["items"] if key in found else unsectioned
        if count > gone:
            live[str(kind)] = live.get(str(kind), 0) + count - gone
        if gone and key in found:
            found[key]["deleted"][str(kind)] = gone
    parts, parts_deleted = (dict(connection.execute(query).fetchall()) for query in (_PARTS, _PARTS_DELETED))
    for key, section in found.items():
        section["parts_deleted"] = parts_deleted.get(key, 0)
        section["parts"] = parts.get(key, 0) - section["parts_deleted"]
    (schema,) = connection.execute("SELECT count(*) FROM schema_migrations").fetchone()
    return {"sections": list(found.values()), "unsectioned": unsectioned, "schema_migrations": schema}


def take(directory: Path, timeout: float = 10.0, marked: Sequence[tuple[Any, ...]] | None = None) -> Census:
    """Count both databases of a directory, read-only, while Plex may be writing.

    marked are the rows of MARKED, for who has read them already.
    """
    with reading(directory / LIBRARY, timeout) as connection:
        attach_blobs(connection, directory / BLOBS)
        connection.execute("BEGIN")
        census = count_rows(connection)
        rows = connection.execute(MARKED, MARKS).fetchall() if marked is None else marked
        analysed = {key: counts for key, *counts, _ in rows}
        vectors = dict(connection.execute(_VECTORS, (VECTOR_BLOB,)).fetchall())
        (census["highest_id"],) = connection.execute("SELECT ifnull(max(id), 0) FROM metadata_items").fetchone()
        (census["vector_blobs"],) = connection.execute(_ALL_VECTORS, (VECTOR_BLOB,)).fetchone()
        connection.execute("COMMIT")
    for section in census["sections"]:
        section["analysed"], section["analysed_items"] = analysed.get(section["id"], (0, 0))
        section["blobs"] = vectors.get(section["id"], 0)
    return census


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
    regrouped: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    analysed_before: int = 0
    analysed_after: int = 0
    pending: int = 0
    untouched: bool = True

    @property
    def lost_items(self) -> int:
        """How many live items are no longer there."""
        return sum(self.lost.values())


@dataclass
class Comparison:
    """Two censuses compared, section by section."""

    sections: list[SectionChange]

    @property
    def lost(self) -> list[SectionChange]:
        """Sections that lost live items or analysed tracks, or are gone themselves."""
        return [
            change
            for change in self.sections
            if change.lost or change.state == "gone" or change.analysed_after < change.analysed_before
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


def _change(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, selected: bool) -> SectionChange:
    known = after or before or {}
    nothing: dict[str, Any] = {"items": {}, "deleted": {}, "analysed": 0}
    old, new = before or nothing, after or nothing
    falls = _falls(old["items"], new["items"])
    parents = {str(kind) for kind in PARENTS_AND_EXTRAS} if selected else set()
    tracks = new["items"].get(str(TRACK), 0)
    return SectionChange(
        id=known["id"],
        name=known["name"],
        type=known["type"],
        selected=selected,
        state="gone" if after is None else "new" if before is None else "kept",
        gained=_falls(new["items"], old["items"]),
        lost={kind: count for kind, count in falls.items() if kind not in parents},
        regrouped={kind: count for kind, count in falls.items() if kind in parents},
        deleted=_falls(new["deleted"], old["deleted"]),
        analysed_before=old["analysed"],
        analysed_after=new["analysed"],
        pending=tracks - new["analysed"],
        untouched=before == after,
    )


def compare(before: Census, after: Census, selected: Collection[str] = ()) -> Comparison:
    """Say what was gained and lost from one census to the next."""
    old = {section["id"]: section for section in before["sections"]}
    new = {section["id"]: section for section in after["sections"]}
    return Comparison(
        [
            _change(old.get(key), new.get(key), is_selected(new.get(key) or old[key], selected))
            for key in sorted({*old, *new})
        ]
    )


def passes_limit(lost: int, total: int, at_least: int = 20, percent: float = 1.0) -> bool:
    """Tell whether a loss is more than the larger of a number and a share: then the run must stop."""
    return lost > max(at_least, total * percent / 100)
