# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the databases of a home library's archive into an empty directory and say what they are.

Private to this collection. The databases are written under our own names, so that no name in an archive chooses a
path. A -wal is taken along and absorbed; a -shm is not: SQLite makes it anew from the -wal.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .archive import FILE, ArchiveError, Member, kind_of, members
from .archive_names import Copy, carried, pair_problem, recognised
from .carried_files import carry_directory, carry_member
from .database_copy import copy_database
from .database_header import HEADER, REPAIR, has_log, header_problem, judged
from .disk_room import need_room
from .files import CHUNK, sha256, write_stream
from .log_absorption import absorb_log
from .plex_db import BLOBS, LIBRARY, PlexDatabaseError, migrations, reading, sections

_SKIPPED = {"Cache", "Logs", "Metadata", "Media", "Crash Reports", "Codecs"}


@dataclass
class Staged:
    """What an archive holds. Sizes in bytes; checksums are those of the databases with their logs brought in."""

    members: list[dict[str, Any]] = field(default_factory=list)
    databases: dict[str, Any] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    sections: list[dict[str, Any]] = field(default_factory=list)
    schema_migrations: int = 0
    carried: dict[str, int] = field(default_factory=dict)


class _Taker:
    """Takes what is wanted out of a stream of members, each at most once, in whatever order they come."""

    def __init__(self, src: Path, target: Path, folders: tuple[str, ...], *, library_only: bool) -> None:
        self._src, self._target, self._folders, self._library_only = src, target, folders, library_only
        self.found = Staged()
        self.taken: dict[tuple[str, bool], tuple[Copy, Member]] = {}
        self._headers: dict[str, bytes] = {}

    def take(self, member: Member) -> None:
        """Take a member if it is a database, the log of one, or a file that is to be carried along."""
        copy = recognised(member.path)
        if copy is None:
            inside = carried(member.path, self._folders)
            if inside is not None:
                carry_member(member, self._target, inside, self.found.carried)
            return
        before = self.taken.get((copy.database, copy.log))
        if before and before[0].date and copy.date and not copy.better_than(before[0]) and copy.date != before[0].date:
            return
        if before and copy.date and not before[0].date:
            return
        if member.kind != FILE or member.content is None:
            raise ArchiveError(f'{self._src}: "{member.name}" is a {member.kind}, not a plain file: refused.')
        if before and before[0].date == copy.date:
            raise ArchiveError(
                f'{self._src} holds more than one library ("{before[0].folder}" and "{copy.folder}"): pack one alone.'
            )
        if before:
            (self._target / before[0].file_name).unlink(missing_ok=True)
        self.taken[copy.database, copy.log] = (copy, member)
        self._bring(member, copy)

    def _bring(self, member: Member, copy: Copy) -> None:
        assert member.content is not None
        if self._library_only and copy.database == BLOBS:
            self._headers[copy.file_name] = member.content.read(HEADER)
            while member.content.read(CHUNK):
                pass
            return
        need_room(self._target, member.size, member.name)
        checksum = hashlib.sha256()
        written = write_stream(member.content, self._target / copy.file_name, member.size, checksum)
        if written != member.size:
            raise ArchiveError(f"{member.name} is not as long as the archive says: the archive is damaged.")
        if not copy.log:
            self.found.checksums[copy.database] = checksum.hexdigest()

    def settle(self) -> None:
        """All members are seen: give the copies that were taken their names, drop logs that belong to none."""
        library, blobs = (self.taken.get((name, False), (None, None))[0] for name in (LIBRARY, BLOBS))
        problem = pair_problem(library, blobs)
        if problem:
            raise ArchiveError(f"{self._src} {problem}")
        for (name, log), (copy, member) in self.taken.items():
            if log and self.taken[name, False][0].date:
                # The log belongs to the database itself, not to a copy made of it on another day.
                (self._target / copy.file_name).unlink(missing_ok=True)
                continue
            self.found.members.append({"name": member.name, "size": member.size})
            if not log:
                self.found.databases[name] = member.size
            if copy.date and (self._target / copy.file_name).exists():
                (self._target / copy.file_name).replace(self._target / name)
        self.found.members.sort(key=lambda entry: str(entry["name"]))
        for name, header in self._headers.items():
            copy, member = self.taken[BLOBS, False]
            problem = judged(member.name, member.size, header, with_log=(BLOBS, True) in self.taken)
            if name == copy.file_name and problem:
                raise ArchiveError(f"{self._src}: {problem}")


def databases_below(directory: Path) -> Path:
    """Find the one directory with the library database at or below a directory."""
    found = []
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(set(folders) - _SKIPPED)
        if LIBRARY in files:
            found.append(Path(folder))
    if len(found) > 1:
        raise ArchiveError(f"{directory} holds more than one library ({found[0]} and {found[1]}): name one.")
    if not found:
        raise ArchiveError(f"{directory} holds no library database ({LIBRARY}).")
    return found[0]


def _copy(src: Path, target: Path, folders: tuple[str, ...], *, library_only: bool) -> Staged:
    """Copy the databases of a directory; a server may be using them."""
    found = Staged()
    folder = databases_below(src)
    for name in (LIBRARY, BLOBS):
        problem = header_problem(folder / name)
        if problem:
            raise ArchiveError(problem)
        size = (folder / name).stat().st_size
        found.members.append({"name": str(folder / name), "size": size})
        found.databases[name] = size
        if name == LIBRARY or not library_only:
            need_room(target, size, name)
            copy_database(folder / name, target / name)
            found.checksums[name] = sha256(target / name)
    for root in folders:
        carry_directory(folder.parent.parent / root, target, root, found.carried)
    return found


def bring(src: Path, target: Path, folders: tuple[str, ...] = (), *, library_only: bool = False) -> Staged:
    """Bring an archive's databases and their logs into an empty directory, whatever state they are in.

    folders names what else is brought: files below it land in target/carried. Raises ArchiveError.
    """
    if kind_of(src) == "directory":
        return _copy(src, target, folders, library_only=library_only)
    taker = _Taker(src, target, folders, library_only=library_only)
    with members(src) as entries:
        for member in entries:
            taker.take(member)
    taker.settle()
    return taker.found


def stage(src: Path, target: Path, folders: tuple[str, ...] = (), *, library_only: bool = False) -> Staged:
    """Do the same, bring the logs in, and read what the databases are. Raises ArchiveError when they are none."""
    found = bring(src, target, folders, library_only=library_only)
    for name in (LIBRARY,) if library_only else (LIBRARY, BLOBS):
        problem = header_problem(target / name)
        if problem:
            raise ArchiveError(f"{src}: {problem.replace(f'{target}/', '')}")
        with_log = has_log(target / name)
        absorb_log(target / name)
        if with_log:
            found.checksums[name] = sha256(target / name)
        # What the log brought in has grown the database: whoever takes it from here knows it by its size.
        found.databases[name] = (target / name).stat().st_size
    try:
        with reading(target / LIBRARY) as connection:
            found.sections = sections(connection)
            found.schema_migrations = len(migrations(connection))
    except PlexDatabaseError as error:
        raise ArchiveError(f"{src}: {str(error).replace(f'{target}/', '')} {REPAIR}") from error
    return found
