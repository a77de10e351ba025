"""The tree of directories of a section, as the database keeps it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from . import rows


@dataclass(frozen=True)
class Directories:
    """The rows of one section; a path is relative to its location, whose own row has an empty one."""

    connection: sqlite3.Connection
    section_id: int
    now: int

    def known(self, path: str, parent_id: int | None) -> sqlite3.Row | None:
        """Find a directory, rather a live one than one that is marked."""
        found: sqlite3.Row | None = self.connection.execute(
            "SELECT * FROM directories WHERE library_section_id = ? AND path = ? AND parent_directory_id IS ?"
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
