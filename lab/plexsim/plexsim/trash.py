"""Soft deletion: what is missing is marked on part, media and item; emptying the trash removes the rows."""

from __future__ import annotations

import sqlite3

from .schema import next_change

_MARKED_MEDIA = "SELECT id FROM media_items WHERE library_section_id = ? AND deleted_at IS NOT NULL"
_MARKED_ITEMS = _MARKED_MEDIA.replace("media_items", "metadata_items")
_DEAD_PARTS = (
    "SELECT p.id FROM media_parts p JOIN media_items m ON m.id = p.media_item_id"
    " WHERE m.library_section_id = ? AND (m.deleted_at IS NOT NULL OR p.deleted_at IS NOT NULL)"
)
# children before parents
_EMPTY = (
    f"DELETE FROM media_streams WHERE media_item_id IN ({_MARKED_MEDIA})",
    f"DELETE FROM media_parts WHERE id IN ({_DEAD_PARTS})",
    f"DELETE FROM taggings WHERE metadata_item_id IN ({_MARKED_ITEMS})",
    "DELETE FROM media_items WHERE library_section_id = ? AND deleted_at IS NOT NULL",
    "DELETE FROM directories WHERE library_section_id = ? AND deleted_at IS NOT NULL",
)
_PARENT_OF_PART = "SELECT media_item_id FROM media_parts WHERE id = ?"


def mark_part(connection: sqlite3.Connection, part_id: int, now: int) -> None:
    """Mark a part as deleted, and what has no other live part above it."""
    connection.execute("UPDATE media_parts SET deleted_at = ? WHERE id = ?", (now, part_id))
    (media_id,) = connection.execute(_PARENT_OF_PART, (part_id,)).fetchone()
    connection.execute(
        "UPDATE media_items SET deleted_at = ?1 WHERE id = ?2 AND NOT EXISTS"
        " (SELECT 1 FROM media_parts p WHERE p.media_item_id = ?2 AND p.deleted_at IS NULL)",
        (now, media_id),
    )
    connection.execute(
        "UPDATE metadata_items SET deleted_at = ?1, changed_at = ?3 WHERE deleted_at IS NULL"
        " AND id = (SELECT metadata_item_id FROM media_items WHERE id = ?2) AND NOT EXISTS"
        " (SELECT 1 FROM media_items m WHERE m.metadata_item_id = metadata_items.id"
        "  AND m.deleted_at IS NULL)",
        (now, media_id, next_change(connection)),
    )


def restore_part(connection: sqlite3.Connection, part_id: int) -> None:
    """Take a part out of the trash, and what is above it."""
    (media_id,) = connection.execute(_PARENT_OF_PART, (part_id,)).fetchone()
    connection.execute("UPDATE media_parts SET deleted_at = NULL WHERE id = ?", (part_id,))
    connection.execute("UPDATE media_items SET deleted_at = NULL WHERE id = ?", (media_id,))
    (item_id,) = connection.execute("SELECT metadata_item_id FROM media_items WHERE id = ?", (media_id,)).fetchone()
    while item_id is not None:
        connection.execute(
            "UPDATE metadata_items SET deleted_at = NULL, changed_at = ? WHERE id = ?",
            (next_change(connection), item_id),
        )
        (item_id,) = connection.execute("SELECT parent_id FROM metadata_items WHERE id = ?", (item_id,)).fetchone()


def empty(connection: sqlite3.Connection, section_id: int) -> int:
    """Remove everything marked in a section; return how many items went.

    Parents without children stay behind as empty shells, and vectors stay in the blobs database, as with
    the real server.
    """
    for statement in _EMPTY:
        connection.execute(statement, (section_id,))
    return connection.execute(
        "DELETE FROM metadata_items WHERE library_section_id = ? AND deleted_at IS NOT NULL", (section_id,)
    ).rowcount
