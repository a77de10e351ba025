# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plex's two SQLite databases: where they lie, how they are opened, what their codes mean.

Private to this collection. Stock sqlite3 only: Plex's own build knows a collation (icu_root) and a tokenizer
(collating) that we do not have, so metadata_items is read here and never written without care.
"""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"
MAGIC = b"SQLite format 3\0"

SHOW, SEASON, ARTIST, ALBUM, TRACK, CLIP, PHOTO_ALBUM = 2, 3, 8, 9, 10, 12, 14
# An artist without albums may go when a scan regroups its tracks: no file is lost by it.
PARENTS_AND_EXTRAS = frozenset({SHOW, SEASON, ARTIST, ALBUM, CLIP, PHOTO_ALBUM})
SECTION_TYPES = {1: "movie", 2: "show", 8: "artist", 13: "photo"}

# extra_data exists as JSON ("ms:musicAnalysisVersion":"1") and as a form (ms%3AmusicAnalysisVersion=1):
# the pattern leaves the prefix out to count both.
ANALYSED = "%musicAnalysisVersion%"
VECTOR_BLOB = 7

BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class PlexDatabaseError(Exception):
    """Something is wrong with a database; the message is one sentence that names the file."""


class DatabaseLockedError(PlexDatabaseError):
    """Another process holds the database; trying again later is the cure."""


def sentence(path: Path, error: Exception) -> PlexDatabaseError:
    """Turn SQLite's error about a file into ours."""
    if isinstance(error, UnicodeDecodeError):
        # SQLite quotes what it stumbled over, and Python cannot read the quotation.
        return PlexDatabaseError(f"{path}: malformed database schema.")
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in BUSY:
        return DatabaseLockedError(f"{path} is locked by another process; try again when it is done.")
    if code == sqlite3.SQLITE_CANTOPEN:
        return PlexDatabaseError(
            f"{path} cannot be opened: it must be readable, in a directory where SQLite may keep its -shm."
        )
    if code == sqlite3.SQLITE_FULL:
        return PlexDatabaseError(f"{path}: the disk is full; free space with df -h {path.parent} in view.")
    if str(error).startswith("no such table"):
        return PlexDatabaseError(f"{path}: {error}, so it is not a Plex library.")
    return PlexDatabaseError(f"{path}: {error}.")


def uri(path: Path, **parameters: str) -> str:
    """Spell a path as SQLite's file: URI."""
    return f"file:{urllib.parse.quote(str(path.absolute()))}?{urllib.parse.urlencode(parameters)}"


@contextlib.contextmanager
def reading(path: Path, timeout: float = 10.0) -> Iterator[sqlite3.Connection]:
    """Open a database that Plex may be using; its write-ahead log is read along, nothing is written."""
    if not path.is_file():
        raise PlexDatabaseError(f"{path} does not exist.")
    try:
        with contextlib.closing(
            sqlite3.connect(uri(path, mode="ro"), uri=True, timeout=timeout, isolation_level=None)
        ) as connection:
            # Paths are bytes to the file system; a name that is not UTF-8 must not end a count.
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise sentence(path, error) from error


@contextlib.contextmanager
def writing(path: Path, timeout: float = 10.0) -> Iterator[sqlite3.Connection]:
    """Open an existing database to change it; the caller begins and ends transactions."""
    if not path.is_file():
        raise PlexDatabaseError(f"{path} does not exist.")
    try:
        with contextlib.closing(
            sqlite3.connect(uri(path, mode="rw"), uri=True, timeout=timeout, isolation_level=None)
        ) as connection:
            yield connection
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise sentence(path, error) from error


def attach_blobs(connection: sqlite3.Connection, path: Path) -> None:
    """Make the blobs database readable as schema "blobs" of an open connection."""
    if not path.is_file():
        raise PlexDatabaseError(f"{path} does not exist.")
    connection.execute("ATTACH ? AS blobs", (uri(path, mode="ro"),))


def quoted(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def table_names(connection: sqlite3.Connection) -> list[str]:
    """List the ordinary tables (virtual ones need Plex's build)."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name"
    ).fetchall()
    return [name for (name,) in rows]


def migrations(connection: sqlite3.Connection) -> set[str]:
    """Read the versions of the schema's migrations."""
    return {str(version) for (version,) in connection.execute("SELECT version FROM schema_migrations")}


def schema_dates(connection: sqlite3.Connection) -> str:
    """Tell the two spellings of dates apart: text up to about 1.40, unix seconds since."""
    declared = connection.execute(
        "SELECT type FROM pragma_table_info('library_sections') WHERE name = 'created_at'"
    ).fetchone()
    return "text_dates" if declared and declared[0].lower().startswith("datetime") else "unix_dates"


def sections(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """List the library sections with their locations."""
    locations: dict[int, list[str]] = {}
    roots = "SELECT library_section_id, root_path FROM section_locations ORDER BY id"
    for section, root in connection.execute(roots):
        locations.setdefault(section, []).append(root)
    return [
        {
            "id": key,
            "name": name,
            "type": SECTION_TYPES.get(kind, str(kind)),
            "locations": locations.get(key, []),
        }
        for key, name, kind in connection.execute("SELECT id, name, section_type FROM library_sections ORDER BY id")
    ]
