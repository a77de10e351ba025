"""The tree of directories of a section, as the database keeps it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from . import rows

# The location of some file below a directory, if there is one.
_LOCATION_BELOW = """
WITH RECURSIVE below (id) AS (
  VALUES (?) UNION ALL SELECT d.id FROM directories d JOIN below ON d.parent_directory_id = below.id
)
SELECT m.section_location_id FROM below JOIN media_parts p ON p.directory_id = below.id
JOIN media_items m ON m.id = p.media_item_id WHERE m.section_location_id IS NOT NULL LIMIT 1
"""


@dataclass(frozen=True)
class Directories:
    """The rows of one section; a path is relative to its location, whose own row has an empty one."""

    connection: sqlite3.Connection
    section_id: int
    now: int

    def roots(self, locations: list[int]) -> dict[int, int]:
        """Give each location the row of its root, made where there is none.

        No column says which is whose: a file below does, and roots without files are taken in the order of the
        locations that have none yet.
        """
        found: dict[int, int] = {}
        unused: list[int] = []
        for (root,) in self.connection.execute(
            "SELECT id FROM directories WHERE library_section_id = ? AND path = '' AND parent_directory_id IS NULL"
            " ORDER BY deleted_at IS NOT NULL, id",
            (self.section_id,),
        ).fetchall():
            file = self.connection.execute(_LOCATION_BELOW, (root,)).fetchone()
            if file is None:
                unused.append(root)
            elif file["section_location_id"] in locations:
                found.setdefault(file["section_location_id"], root)
        for location in locations:
            if location not in found:
                found[location] = unused.pop(0) if unused else self.note(None, "", None)
        return found

    def row(self, directory_id: int) -> sqlite3.Row:
        """Give a directory by its id."""
        found: sqlite3.Row = self.connection.execute(
            "SELECT * FROM directories WHERE id = ?", (directory_id,)
        ).fetchone()
        return found

    def known(self, path: str, parent_id: int) -> sqlite3.Row | None:
        """Find a directory below another, rather a live one than one that is marked."""
        found: sqlite3.Row | None = self.connection.execute(
            "SELECT * FROM directories WHERE library_section_id = ? AND path = ? AND parent_directory_id = ?"
            " ORDER BY deleted_at IS NOT NULL",
            (self.section_id, path, parent_id),
        ).fetchone()
        return found

    def children(self, directory_id: int) -> list[sqlite3.Row]:
        """List the live directories right below one."""
        return self.connection.execute(
            "SELECT * FROM directories WHERE parent_directory_id = ? AND deleted_at IS NULL ORDER BY path",
            (directory_id,),
        ).fetchall()

    def note(self, known: sqlite3.Row | None, path: str, parent_id: int | None) -> int:
        """Add a directory, or take it out of the trash; gives its id."""
        if known:
            rows.update(self.connection, "directories", known["id"], {"deleted_at": None})
            return int(known["id"])
        return rows.insert(
            self.connection,
            "directories",
            {"library_section_id": self.section_id, "parent_directory_id": parent_id, "path": path}
            | {"created_at": self.now, "updated_at": None},
        )
