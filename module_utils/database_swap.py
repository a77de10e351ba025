# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change a database in a copy that then takes its place: killed at any moment, the old one or the new one is there.

Private to this collection. The copy needs no journal, since its loss costs nothing; each page is written once. Whoever
has the original open would go on writing to what has become a backup, so nobody may.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from .database_copy import Copying
from .files import sync
from .plex_db import DatabaseLockedError, writing

_BESIDE = ("-wal", "-shm", "-journal")


def _copy_of(library: Path) -> Path:
    return library.with_name(f".{library.name}.changing")


def _remove(copy: Path) -> None:
    for path in (copy, *(copy.with_name(copy.name + end) for end in _BESIDE)):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
    """Open a database that nobody else has open, and keep everybody out; its file is then all there is of it.

    What a killed change left behind is removed. Raises DatabaseLockedError after timeout seconds.
    """
    before = path.stat() if path.is_file() else None
    with writing(path, timeout) as connection:
        # Locks are kept to the end of the connection, and whoever is connected to a log, even idle, is in the way.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
        if before is None or not os.path.samestat(before, path.stat()):
            raise DatabaseLockedError(f"{path} was exchanged by another process just now; try again.")
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise DatabaseLockedError(f"{path}: its log could not be taken in; try again.")
        _remove(_copy_of(path))
        yield connection


@contextlib.contextmanager
def copying(library: Path) -> Iterator[tuple[Path, Copying]]:
    """Start to copy a database into the file that may take its place; at the end what did not is removed."""
    copy = _copy_of(library)
    try:
        with Copying(library, copy) as process:
            yield copy, process
    finally:
        _remove(copy)


def _set_aside(library: Path, backup: Path) -> None:
    """Give the original its second name; on another disk it is copied."""
    try:
        backup.hardlink_to(library)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = backup.with_name(backup.name + ".partial")
        try:
            with Copying(library, partial) as process:
                process.finish()
            sync(partial)
            partial.replace(backup)
        finally:
            partial.unlink(missing_ok=True)
    sync(backup.parent)


def take_place(copy: Path, library: Path, backup: Path) -> None:
    """Put the changed copy where the library is, which becomes the backup; the caller holds the library alone.

    The copy gets the owner and the mode of the library; the backup is readable by its owner only.
    """
    was = library.stat()
    if (was.st_uid, was.st_gid) != (copy.stat().st_uid, copy.stat().st_gid):
        os.chown(copy, was.st_uid, was.st_gid)
    copy.chmod(was.st_mode & 0o7777)
    sync(copy)
    _set_aside(library, backup)
    # The log is in the file by now. It goes before the new file comes, so that the two never meet.
    for end in _BESIDE:
        library.with_name(library.name + end).unlink(missing_ok=True)
    sync(library.parent)
    copy.replace(library)
    sync(library.parent)
    backup.chmod(0o600)
