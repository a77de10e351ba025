# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The write-ahead log that travels beside a database: brought in when it is its own, refused when it is not.

Private to this collection. A log without its database, or beside another one, is never left lying: SQLite would play
it into whatever lies there next.
"""

from __future__ import annotations

import struct
from pathlib import Path

from .archive import ArchiveError
from .damage import damage
from .database_header import has_log
from .plex_db import PlexDatabaseError, writing


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
