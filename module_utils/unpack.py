# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the databases of a home library's archive into an empty directory and say what they are.

Private to this collection. Members are written under our own names, so that no name in an archive chooses a
path. A -wal is taken along and absorbed; a -shm is not: SQLite makes it anew from the -wal.
"""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .archive import FILE, ArchiveError, Member, kind_of, members
from .damage import damage
from .database_copy import copy_database
from .database_header import REPAIR, has_log, header_problem
from .plex_db import BLOBS, LIBRARY, MAGIC, PlexDatabaseError, migrations, reading, sections, writing

WANTED = (LIBRARY, f"{LIBRARY}-wal", BLOBS, f"{BLOBS}-wal")
# Room left for the logs SQLite and Plex will write.
RESERVE = 64 << 20
_CHUNK = 1 << 20
_SKIPPED = {"Cache", "Logs", "Metadata", "Media", "Crash Reports", "Codecs"}


@dataclass
class Staged:
    """What an archive holds."""

    members: list[dict[str, Any]] = field(default_factory=list)
    databases: dict[str, Any] = field(default_factory=dict)
    sections: list[dict[str, Any]] = field(default_factory=list)
    schema_migrations: int = 0


def _need_room(directory: Path, size: int, what: str) -> None:
    free = shutil.disk_usage(directory).free
    if free < size + RESERVE:
        raise ArchiveError(
            f"{what} needs {size >> 20} MB in {directory}, where {free >> 20} MB are free: free some, or choose"
            " another disk."
        )


def _write(content: IO[bytes], target: Path, size: int) -> None:
    handle = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        left = size
        while left and (data := content.read(min(_CHUNK, left))):
            file.write(data)
            left -= len(data)
        if left:
            raise ArchiveError(f"{target.name} is not as long as the archive says: the archive is damaged.")
        file.flush()
        os.fsync(file.fileno())


def _extract(src: Path, target: Path, names: tuple[str, ...], found: Staged) -> None:
    folder = None
    with members(src) as entries:
        for member in entries:
            if member.path.name not in WANTED:
                continue
            if member.kind != FILE or member.content is None:
                raise ArchiveError(f'{src}: "{member.name}" is a {member.kind}, not a plain file: refused.')
            if folder not in {None, member.path.parent} or (target / member.path.name).exists():
                raise ArchiveError(
                    f'{src} holds more than one library ("{folder}" and "{member.path.parent}"): pack one alone.'
                )
            folder = member.path.parent
            found.members.append({"name": member.name, "size": member.size})
            _take(member, target, names)


def _take(member: Member, target: Path, names: tuple[str, ...]) -> None:
    assert member.content is not None
    if member.path.name in names:
        _need_room(target, member.size, member.name)
        _write(member.content, target / member.path.name, member.size)
    else:
        head = member.content.read(len(MAGIC))
        if member.path.name == BLOBS and head != MAGIC:
            raise ArchiveError(f"{member.name} is {'not an SQLite database' if head else 'empty (zero bytes)'}.")
        while member.content.read(_CHUNK):
            pass


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


def _copy(src: Path, target: Path, names: tuple[str, ...], found: Staged) -> None:
    """Copy the databases of a directory; a server may be using them."""
    folder = databases_below(src)
    for name in (LIBRARY, BLOBS):
        problem = header_problem(folder / name)
        if problem:
            raise ArchiveError(problem)
        found.members.append({"name": str(folder / name), "size": (folder / name).stat().st_size})
        if name in names:
            _need_room(target, (folder / name).stat().st_size, name)
            copy_database(folder / name, target / name)


def _spoils(path: Path) -> bool:
    """Bring a log in; tell whether the database is damaged by it."""
    try:
        with writing(path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(damage(connection)[0])
    except PlexDatabaseError:
        return True


def absorb_log(path: Path) -> None:
    """Bring a -wal's content into its database; refuse a -wal that is another database's."""
    log = path.with_name(path.name + "-wal")
    if has_log(path):
        with path.open("rb") as file, log.open("rb") as log_file:
            page_size = struct.unpack(">16xH", file.read(18))[0]
            magic, log_page_size = struct.unpack(">I4xI", log_file.read(32).ljust(32, b"\0")[:12])
        foreign = magic & ~1 != 0x377F0682 or log_page_size != (65536 if page_size == 1 else page_size)
        foreign = foreign or _spoils(path)
        if foreign:
            raise ArchiveError(
                f"The log {log.name} in the archive does not belong to {path.name}: pack both again with Plex stopped."
            )
    for leftover in (log, path.with_name(path.name + "-shm")):
        leftover.unlink(missing_ok=True)


def stage(src: Path, target: Path, library_only: bool = False) -> Staged:
    """Bring an archive's databases into an empty directory and read what they are."""
    names = WANTED[:2] if library_only else WANTED
    found = Staged()
    if kind_of(src) == "directory":
        _copy(src, target, names, found)
    else:
        _extract(src, target, names, found)
    present = {Path(member["name"]).name for member in found.members}
    for name, what in ((LIBRARY, "library"), (BLOBS, "blobs")):
        if name not in present:
            raise ArchiveError(f"{src} holds no {what} database ({name}): both of Plex's databases must travel.")
    for name in (LIBRARY, BLOBS):
        if name in names:
            problem = header_problem(target / name)
            if problem:
                raise ArchiveError(f"{src}: {problem.replace(f'{target}/', '')}")
            absorb_log(target / name)
    found.databases = {
        Path(member["name"]).name: member["size"] for member in found.members if not member["name"].endswith("-wal")
    }
    try:
        with reading(target / LIBRARY) as connection:
            found.sections = sections(connection)
            found.schema_migrations = len(migrations(connection))
    except PlexDatabaseError as error:
        raise ArchiveError(f"{src}: {str(error).replace(f'{target}/', '')} {REPAIR}") from error
    return found
