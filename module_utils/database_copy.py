# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy one SQLite database whole.

Private to this collection. The backup API copies inside one read transaction. In WAL mode, which Plex uses,
that blocks no writer and no writer can make it start over; only the log grows for as long as it takes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from .files import sync
from .plex_db import PlexDatabaseError, reading, uri

# 64 MB of Plex's 1 KiB pages per step: often enough to be interruptible, rare enough to cost nothing.
PAGES_PER_STEP = 65536


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that may be in use into one whole file: no log beside it, readable by its owner only."""
    partial = target.with_name(target.name + ".partial")
    for leftover in (partial, partial.with_name(partial.name + "-journal")):
        leftover.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with (
            reading(source) as origin,
            closing(sqlite3.connect(uri(partial, mode="rw"), uri=True, isolation_level=None)) as copy,
        ):
            copy.execute("PRAGMA synchronous = OFF")
            # An open read transaction pins what is copied; without it every commit of a writer would restart
            # the copy, for ever on a busy server.
            origin.execute("BEGIN")
            origin.execute("SELECT count(*) FROM sqlite_master").fetchone()
            origin.backup(copy, pages=PAGES_PER_STEP, sleep=0)
            origin.execute("COMMIT")
            copy.execute("PRAGMA journal_mode = DELETE")
        sync(partial)
        partial.replace(target)
        sync(target.parent)
    except sqlite3.Error as error:
        raise PlexDatabaseError(f"{source} could not be copied to {target}: {error}.") from error
    finally:
        partial.unlink(missing_ok=True)
