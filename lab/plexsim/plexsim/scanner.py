"""The scan of one section: walk its directories, stat its files, write what is new, mark what is missing.

The rule that decides about life and death is stat(): a file that can be stat'ed is kept even when it
cannot be read, a file that cannot be is marked as deleted, and a root that cannot be reached at all is
only noted as offline.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import facts, rows, trash
from .catalogue import Found, Shelf
from .directories import Directories
from .schema import next_change, transaction

# Two sections may show the same file, each with rows of its own.
_PART_OF_SECTION = (
    "SELECT p.* FROM media_parts p JOIN media_items m ON m.id = p.media_item_id"
    " WHERE p.file = ? AND m.library_section_id = ?"
)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


@dataclass
class Scan:
    """One scan of one section."""

    connection: sqlite3.Connection
    section_id: int
    force: bool = False
    folder: str = ""  # scan nothing but this directory and what is below it; empty: all
    now: int = 0
    chroot: str = ""  # prepended to every path of the database when the disk is asked
    report: Callable[[int, str], None] = lambda _percent, _subtitle: None
    log: Callable[[str], None] = lambda _line: None
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("directories", "skipped", "added", "updated", "deleted"), 0)
    )

    @property
    def directories(self) -> Directories:
        """The directories that the database knows."""
        return Directories(self.connection, self.section_id, self.now)

    def run(self) -> dict[str, int]:
        """Scan every location, or the one folder; return how much was seen, added and marked."""
        section = self.connection.execute("SELECT * FROM library_sections WHERE id = ?", (self.section_id,)).fetchone()
        locations = self.connection.execute(
            "SELECT * FROM section_locations WHERE library_section_id = ? ORDER BY id", (self.section_id,)
        ).fetchall()
        with transaction(self.connection):
            roots = self.directories.roots([location["id"] for location in locations])
        for location in locations:
            shelf = Shelf(self.connection, self.section_id, section["section_type"], location["id"], self.now)
            root = location["root_path"]
            folder = os.path.normpath(self.folder) if self.folder else root
            if not _is_below(folder, root):
                continue
            try:
                os.scandir(self.chroot + root).close()
            except OSError as error:
                self.log(f"Location '{root}' is offline ({error.strerror}); nothing under it is touched.")
                with transaction(self.connection):
                    rows.update(self.connection, "section_locations", location["id"], {"available": 0})
                continue
            below = os.path.relpath(folder, root)
            self._walk_from(shelf, root, roots[location["id"]], "" if below == "." else below)
            with transaction(self.connection):
                seen = {"available": 1, "scanned_at": self.now, "updated_at": self.now}
                rows.update(self.connection, "section_locations", location["id"], seen)
        with transaction(self.connection):
            change = next_change(self.connection)
            values = {"scanned_at": self.now, "changed_at": change}
            if self.counts["added"] + self.counts["deleted"]:
                values["content_changed_at"] = change
            rows.update(self.connection, "library_sections", self.section_id, values)
        return self.counts

    def _walk_from(self, shelf: Shelf, root: str, root_id: int, path: str) -> None:
        """Walk a directory below the root of a location, or that root; those above it are not looked into."""
        known: sqlite3.Row | None = self.directories.row(root_id)
        parent_id: int | None = None
        above = ""
        for name in path.split("/") if path else []:
            if known is None and not Path(f"{self.chroot}{root}", path).is_dir():
                return
            with transaction(self.connection):
                parent_id = self.directories.note(known, above, parent_id)
            above = f"{above}/{name}".lstrip("/")
            known = self.directories.known(above, parent_id)
        self._walk(shelf, root, path, parent_id, known)

    def _walk(self, shelf: Shelf, root: str, path: str, parent_id: int | None, known: sqlite3.Row | None) -> None:
        physical = Path(f"{self.chroot}{root}", path)
        try:
            mtime: int | None = int(physical.stat().st_mtime)
        except OSError:
            mtime = None
        self.counts["directories"] += 1
        self.report(min(99, self.counts["directories"]), path.rpartition("/")[2])
        children = {row["path"]: row for row in self.directories.children(known["id"])} if known else {}
        if known and not self.force and known["deleted_at"] is None and known["updated_at"] == mtime:
            self.counts["skipped"] += 1
            for path_below, child in children.items():
                self._walk(shelf, root, path_below, known["id"], child)
            return
        if mtime is None:
            if known:
                self._lose(known)
            return
        with transaction(self.connection):
            directory_id = self.directories.note(known, path, parent_id)
        subdirectories, files = self._list(physical, path)
        for name, child in children.items():
            if name not in subdirectories:
                self._lose(child)
        self._visit_files(shelf, directory_id, [f"{root}/{path}/{name}".replace("//", "/") for name in files])
        for name in subdirectories:
            self._walk(shelf, root, name, directory_id, self.directories.known(name, directory_id))
        with transaction(self.connection):
            rows.update(self.connection, "directories", directory_id, {"updated_at": mtime})

    def _list(self, physical: Path, path: str) -> tuple[list[str], list[str]]:
        """List a directory: relative paths of subdirectories, names of files."""
        subdirectories, files = [], []
        try:
            with os.scandir(physical) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_dir():
                        subdirectories.append(f"{path}/{entry.name}".lstrip("/"))
                    else:
                        files.append(entry.name)
        except OSError as error:
            self.log(f"Directory '{physical}' could not be listed: {error.strerror}")
        return sorted(subdirectories), sorted(files)

    def _lose(self, directory: sqlite3.Row) -> None:
        """Handle a directory that is gone: its files are asked one by one, then it is marked itself."""
        for child in self.directories.children(directory["id"]):
            self._lose(child)
        self._check_parts(directory["id"], set())
        with transaction(self.connection):
            rows.update(self.connection, "directories", directory["id"], {"deleted_at": self.now})

    def _check_parts(self, directory_id: int, seen: set[str]) -> None:
        parts = self.connection.execute(
            "SELECT id, file FROM media_parts WHERE directory_id = ? AND deleted_at IS NULL", (directory_id,)
        ).fetchall()
        missing = [part for part in parts if part["file"] not in seen and self._stat(part["file"]) is None]
        with transaction(self.connection):
            for part in missing:
                self.log(f"File '{part['file']}' didn't exist")
                trash.mark_part(self.connection, part["id"], self.now)
        self.counts["deleted"] += len(missing)

    def _stat(self, path: str) -> os.stat_result | None:
        try:
            return os.stat(self.chroot + path)  # noqa: PTH116  paths of the database are text
        except OSError:
            return None

    def _visit_files(self, shelf: Shelf, directory_id: int, paths: list[str]) -> None:
        wanted = facts.AUDIO if shelf.section_type == rows.MUSIC_SECTION else facts.VIDEO
        work: list[tuple[Found, sqlite3.Row | None]] = []
        seen = set()
        for path in paths:
            stat = self._stat(path) if Path(path).suffix.lower() in wanted else None
            if stat is None:
                continue
            seen.add(path)
            part = self.connection.execute(_PART_OF_SECTION, (path, self.section_id)).fetchone()
            if part and part["deleted_at"] is not None:
                self.log(f"File '{path}' was marked as deleted, can't skip.")
            elif part and not self.force and self._unchanged(part, stat, directory_id):
                continue
            work.append((Found(path, stat, facts.read(Path(self.chroot + path))), part))
        self._check_parts(directory_id, seen)
        if not work:
            return
        with transaction(self.connection):
            for found, part in work:
                shelf.refresh(found, part, directory_id) if part else shelf.add(found, directory_id)
                self.counts["updated" if part else "added"] += 1

    @staticmethod
    def _unchanged(part: sqlite3.Row, stat: os.stat_result, directory_id: int) -> bool:
        now = (stat.st_size, int(stat.st_mtime), directory_id)
        return (part["size"], part["updated_at"], part["directory_id"]) == now
