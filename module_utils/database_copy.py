# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy one SQLite database whole, while it may be in use.

Private to this collection. An open read transaction pins the file: what a checkpoint may still write into it lies in
the log as well, and the log cannot begin anew before the transaction ends. So the file is copied as any other, the log
after it, and SQLite puts the two together in the copy. In WAL mode, which Plex uses, that blocks no writer and no
writer can make it start over; it takes a quarter of the time of the backup API, which goes page by page.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Self

from .files import sync
from .plex_db import PlexDatabaseError, reading, uri

_LOG_HEADER = 32
# While our transaction is open a log that was already in the file can begin anew once, and not again.
_LOG_ATTEMPTS = 3


class Copying:
    """A database being copied by another process, while the caller, who keeps its pages as they are, reads it.

    By another process: closing a file here would drop the locks that SQLite holds on it in this one.
    """

    def __init__(self, source: Path, target: Path) -> None:
        """Start; the target, which must not exist, is readable by its owner only."""
        self._source, self._target = source, target
        # Opened here and not by name: if we are killed, cp must not meet the file of the next attempt.
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            self._process = subprocess.Popen(
                ["cp", "--reflink=auto", "--", str(source), "/dev/stdout"],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
            )

    def finish(self) -> None:
        """Wait for the end. Raises PlexDatabaseError when it could not be copied."""
        _, words = self._process.communicate()
        if self._process.returncode:
            reason = words.decode(errors="replace").strip()
            raise PlexDatabaseError(f"{self._source} could not be copied to {self._target}: {reason}.")

    def __enter__(self) -> Self:
        """Read meanwhile."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop if it still runs."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _log_header(log: Path) -> bytes:
    try:
        with log.open("rb") as file:
            return file.read(_LOG_HEADER)
    except FileNotFoundError:
        return b""


def _copy_log(source: Path, target: Path) -> None:
    """Copy the log of a database; the caller holds a read transaction and has copied the file in it.

    A log that began anew while it was copied may be half the old one, which must not be played over the newer file.
    """
    for _ in range(_LOG_ATTEMPTS):
        header = _log_header(_log_of(source))
        if not header:
            _log_of(target).unlink(missing_ok=True)
        else:
            shutil.copyfile(_log_of(source), _log_of(target))
        if _log_header(_log_of(source)) == header:
            return
    raise PlexDatabaseError(f"{source} could not be copied: its log changes without end; try again when Plex is idle.")


def _pinned(source: Path, target: Path) -> None:
    """Copy a database and its log as they are."""
    with reading(source) as origin:
        origin.execute("BEGIN")
        origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with Copying(source, target) as process:
            process.finish()
        _copy_log(source, target)
        origin.execute("COMMIT")


def copy_database(source: Path, target: Path, *, durable: bool = True) -> None:
    """Copy a database that may be in use into one whole file: no log beside it, readable by its owner only.

    A durable copy is on the disk when this returns; one that is only read and removed again need not be.
    """
    partial = target.with_name(target.name + ".partial")
    beside = [partial.with_name(partial.name + end) for end in ("", "-journal", "-wal", "-shm")]
    for leftover in beside:
        leftover.unlink(missing_ok=True)
    try:
        _pinned(source, partial)
        with closing(sqlite3.connect(uri(partial, mode="rw"), uri=True, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")
            # Takes in what the log has and removes it.
            (mode,) = copy.execute("PRAGMA journal_mode = DELETE").fetchone()
        if mode != "delete":
            raise PlexDatabaseError(f"{source} could not be copied to {target}: its log was not taken in.")
        if durable:
            sync(partial)
        partial.replace(target)
        if durable:
            sync(target.parent)
    except sqlite3.Error as error:
        raise PlexDatabaseError(f"{source} could not be copied to {target}: {error}.") from error
    finally:
        for leftover in beside:
            leftover.unlink(missing_ok=True)
