# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask the database what is in the trash of a library, and the server whether the files of some items are there.

Private to this collection. trash.py judges what is read here; trash_rows.py says what it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .files import read_json, write_json
from .plex_server import PlexServer, listed, true
from .trash import Answer
from .trash_rows import Part, Record, Rows

_ITEMS = "SELECT id, parent_id, ifnull(deleted_at, 0) > 0 FROM metadata_items WHERE library_section_id = ?"
_PARTS = """
SELECT media_parts.id, media_items.metadata_item_id, media_items.section_location_id,
  ifnull(media_parts.deleted_at, 0) > 0 OR ifnull(media_items.deleted_at, 0) > 0
FROM media_items JOIN media_parts ON media_parts.media_item_id = media_items.id
WHERE media_items.library_section_id = ?
"""
_RECORD = ("marked_items", "marked_parts", "live_items", "live_parts")


def read(connection: sqlite3.Connection, section: int) -> Rows:
    """Read which items and files a library holds, and which of them are soft-deleted; both at the same moment."""
    connection.execute("BEGIN")
    parents: dict[int, int | None] = {}
    marked = set()
    for item, parent, deleted in connection.execute(_ITEMS, (section,)):
        parents[item] = parent
        if deleted:
            marked.add(item)
    parts = [
        Part(part, item, location, bool(deleted))
        for part, item, location, deleted in connection.execute(_PARTS, (section,))
    ]
    connection.execute("COMMIT")
    return Rows(parents, frozenset(marked), parts)


def ask(server: PlexServer, rows: Rows, items: Iterable[int]) -> list[Answer]:
    """Have the server look for the files of some items; one answer for each file that it or the database knows.

    Raises PlexServerError when it does not answer for one of them.
    """
    known: dict[int, list[Part]] = {item: [] for item in items}
    for part in rows.parts:
        if part.item in known:
            known[part.item].append(part)
    answers: list[Answer] = []
    for item, parts in known.items():
        said = _parts(server.get(f"/library/metadata/{item}", {"checkFiles": "1"}))
        place = parts[0].location if parts else None
        unknown = [Part(number, item, place, item in rows.marked) for number in said.keys() - {p.id for p in parts}]
        answers += [_answer(rows, part, said.get(part.id, {})) for part in (*parts, *unknown)]
    return answers


def _parts(container: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """The parts in the answer about an item, by their id."""
    return {
        int(part["id"]): part
        for entry in listed(container, "Metadata")
        for media in listed(entry, "Media")
        for part in listed(media, "Part")
        if str(part.get("id", "")).isdigit()
    }


def _answer(rows: Rows, part: Part, said: dict[str, Any]) -> Answer:
    exists, accessible = (true(said[name]) if name in said else None for name in ("exists", "accessible"))
    return Answer(part, rows.in_trash(part), exists, accessible, str(said.get("file") or f"part {part.id}"))


def write_record(path: Path, record: Record) -> None:
    """Keep what has to be true afterwards, for readings that come later."""
    write_json(path, {name: sorted(getattr(record, name)) for name in _RECORD})


def read_record(path: Path) -> Record | None:
    """What write_record kept; None when there is nothing of that kind."""
    content = read_json(path)
    if not isinstance(content, dict) or not content.keys() >= set(_RECORD):
        return None
    return Record(**{name: frozenset(content[name]) for name in _RECORD})
