"""The two SQLite files of a library, and connections that can do what the real server's can.

The real server links ICU into its SQLite: a collation ``icu_root`` and an FTS tokenizer ``collating``.
In the image an extension does the same. Elsewhere a connection gets the collation from ``collation`` and the
built-in ``simple`` tokenizer under the other name, so that it can write through the very index, tables and
triggers that refuse outsiders; what it writes is searched with other terms, until the server rebuilds them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import fault_names
from .collation import icu_root

EXTENSION = Path("/usr/lib/plexsim/icu.so")  # made with the image
_BUSY_SECONDS = 10.0  # for which the real server waits
DATA = Path(__file__).parent / "data"
DATABASES = Path("Plug-in Support") / "Databases"
LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"
# Foreign virtual tables that no stock SQLite can create: written into the schema by hand.
SPELLFIX = ("spellfix_metadata_titles", "spellfix_tag_titles")


def _teach(connection: sqlite3.Connection) -> None:
    """Make a connection understand the ICU index and the full-text tables."""
    if EXTENSION.exists():
        connection.enable_load_extension(True)
        connection.load_extension(str(EXTENSION))
        connection.enable_load_extension(False)
        return
    connection.create_collation("icu_root", icu_root)
    # SQLite hands out and accepts tokenizer modules only through bound parameters.
    (module,) = connection.execute("SELECT fts3_tokenizer(?)", ("simple",)).fetchone()
    connection.execute("SELECT fts3_tokenizer(?, ?)", ("collating", module))


def connect(path: Path) -> sqlite3.Connection:
    """Open a library as the server does: WAL, no foreign keys, explicit transactions, ICU names known."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    _teach(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = OFF")
    return connection


def complaint(error: sqlite3.Error) -> str:
    """Give the server's words for a database that cannot be used."""
    if "locked" in str(error):
        return f"Waited over {_BUSY_SECONDS:.0f} seconds for a busy database; giving up."
    return f"Database error: {error}"


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Take the write lock now, commit at the end, roll back on any exception."""
    if fault_names.from_environment().active("disk_full") is not None:
        raise sqlite3.OperationalError("database or disk is full")  # SQLite's own words
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def migrations() -> list[tuple[str, str | None]]:
    """Give the rows of schema_migrations: version and rollback statement."""
    rows = []
    for line in (DATA / "migrations.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            version, _, rollback = line.partition("\t")
            rows.append((version, rollback or None))
    return rows


def create(path: Path) -> None:
    """Make an empty database file with the whole schema."""
    connection = connect(path)
    try:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA journal_mode = WAL")
        script = (DATA / "library.sql").read_text() + (DATA / "search.sql").read_text()
        connection.executescript(f"BEGIN;\n{script}\nCOMMIT;")
        with transaction(connection):
            connection.executemany("INSERT INTO schema_migrations (version, rollback_sql) VALUES (?, ?)", migrations())
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany(
            "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql)"
            " VALUES ('table', ?1, ?1, 0, 'CREATE VIRTUAL TABLE ' || ?1 || ' USING spellfix1')",
            [(name,) for name in SPELLFIX],
        )
        connection.execute("PRAGMA writable_schema = RESET")
    finally:
        connection.close()


def create_library(directory: Path) -> None:
    """Make both databases in a ``Databases`` directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in (LIBRARY, BLOBS):
        create(directory / name)


def next_change(connection: sqlite3.Connection) -> int:
    """Give the next value of the counter behind every ``changed_at`` (not a time)."""
    (last,) = connection.execute(
        "SELECT max(coalesce((SELECT max(changed_at) FROM metadata_items), 0),"
        " coalesce((SELECT max(changed_at) FROM library_sections), 0))"
    ).fetchone()
    return int(last) + 1
