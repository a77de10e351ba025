"""Metadata refresh: what the server does after a scan for new items, and for all when forced."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from . import rows
from .schema import next_change, transaction


@dataclass(frozen=True)
class Wanted:
    """An item that waits for its metadata."""

    item_id: int
    title: str


_NEW = " AND i.refreshed_at IS NULL"
_IN_FOLDER = (
    " AND i.id IN (SELECT m.metadata_item_id FROM media_items m JOIN media_parts t ON t.media_item_id = m.id"
    " WHERE substr(t.file, 1, length(?2) + 1) = ?2 || '/')"
)


def wanted(connection: sqlite3.Connection, section_id: int, *, force: bool, folder: str = "") -> list[Wanted]:
    """List the top-level items of a section to refresh: those with anything new below, or all of a scanned folder."""
    condition = ("" if force else _NEW) + (_IN_FOLDER if folder else "")
    tops = connection.execute(
        "SELECT DISTINCT coalesce(g.id, i.id) AS id, coalesce(g.title, i.title) AS title"
        " FROM metadata_items i LEFT JOIN metadata_items p ON p.id = i.parent_id"
        " LEFT JOIN metadata_items g ON g.id = coalesce(p.parent_id, i.parent_id)"
        f" WHERE i.library_section_id = ?1 AND i.deleted_at IS NULL{condition} ORDER BY id",
        (section_id, folder) if folder else (section_id,),
    )
    return [Wanted(row["id"], row["title"]) for row in tops]


def refresh(connection: sqlite3.Connection, item: Wanted, now: int) -> None:
    """Write new metadata for an item and everything below it."""
    with transaction(connection):
        connection.execute(
            "UPDATE metadata_items SET refreshed_at = ?1, updated_at = ?1, changed_at = ?2 WHERE id IN ("
            " SELECT id FROM metadata_items WHERE id = ?3 OR parent_id = ?3 OR parent_id IN"
            " (SELECT id FROM metadata_items WHERE parent_id = ?3))",
            (now, next_change(connection), item.item_id),
        )
        genres = connection.execute(
            "SELECT DISTINCT tags_genre FROM metadata_items WHERE parent_id = ? AND tags_genre <> ''",
            (item.item_id,),
        ).fetchall()
        for position, row in enumerate(genres):
            _tag(connection, item.item_id, row["tags_genre"], position, now)


def _tag(connection: sqlite3.Connection, item_id: int, genre: str, position: int, now: int) -> None:
    found = connection.execute("SELECT id FROM tags WHERE tag_type = 1 AND tag = ?", (genre,)).fetchone()
    tag_id = (
        int(found["id"])
        if found
        else rows.insert(
            connection,
            "tags",
            {"tag": genre, "tag_type": 1, "user_thumb_url": "", "user_art_url": "", "user_music_url": ""}
            | {"created_at": now, "updated_at": now, "extra_data": "", "key": ""},
        )
    )
    known = connection.execute(
        "SELECT 1 FROM taggings WHERE metadata_item_id = ? AND tag_id = ?", (item_id, tag_id)
    ).fetchone()
    if not known:
        rows.insert(
            connection,
            "taggings",
            {"metadata_item_id": item_id, "tag_id": tag_id, "index": position, "text": "", "thumb_url": ""}
            | {"created_at": now, "extra_data": ""},
        )
