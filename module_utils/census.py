# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A census counts what a library holds, per section.

Private to this collection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .plex_db import ANALYSED, BLOBS, LIBRARY, TRACK, VECTOR_BLOB, attach_blobs, reading, sections

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
# In the order of the parts, where each item is found beside the last one, and without sorting them by section: that
# takes half as long as a GROUP BY (measured).
_PARTS = """
SELECT {counts} FROM media_parts CROSS JOIN media_items ON media_items.id = media_parts.media_item_id
"""
_PARTS_OF = "count(*) FILTER (WHERE media_items.library_section_id = ?)"
_PARTS_DELETED = """
SELECT media_items.library_section_id, count(*)
FROM media_items JOIN media_parts ON media_items.id = media_parts.media_item_id
WHERE media_parts.deleted_at > 0 GROUP BY 1
"""
_VECTORS = """
SELECT metadata_items.library_section_id, count(*)
FROM blobs.blobs AS vector JOIN metadata_items ON metadata_items.id = vector.linked_id
WHERE vector.linked_type = 'metadata_item' AND vector.blob_type = ? GROUP BY 1
"""
_ALL_VECTORS = "SELECT count(*) FROM blobs.blobs WHERE linked_type = 'metadata_item' AND blob_type = ?"


def _parts(connection: sqlite3.Connection, sections: Sequence[int]) -> dict[int, int]:
    """Count the parts of each section, deleted ones too."""
    if not sections:
        return {}
    query = _PARTS.format(counts=", ".join([_PARTS_OF] * len(sections)))
    return dict(zip(sections, connection.execute(query, sections).fetchone(), strict=True))


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
    parts, parts_deleted = _parts(connection, list(found)), dict(connection.execute(_PARTS_DELETED).fetchall())
    for key, section in found.items():
        section["parts_deleted"] = parts_deleted.get(key, 0)
        section["parts"] = parts[key] - section["parts_deleted"]
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
