"""What the server does with a database it finds: refuse it, or bring it up to its own schema."""

from __future__ import annotations

import re
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from . import extra_data, schema

_COMPARED = 12  # digits of a version that name its time: 202507311200


_DATE_TYPES = ("datetime", "dt_integer(8)")
# the migrations that made JSON of ``extra_data``; where they ran already, rows of the old form stay as they are
_TEXT_FORMS = {
    "202309200911": "media_items",
    "202309200912": "media_parts",
    "202309200913": "media_streams",
    "202309200914": "metadata_item_settings",
    "202309200915": "metadata_items",
    "202309200919": "tags",
}
_GONE_TABLES = (
    *("cloudsync_files", "library_timeline_entries", "media_metadata_mappings", "plugin_permissions", "stream_types"),
    *("sync_schema_versions", "synced_", "synchronization_files"),
)
SEARCHED = {"fts4_metadata_titles_icu": ("metadata_items", "title"), "fts4_tag_titles_icu": ("tags", "tag")}
REBUILD = "INSERT INTO {0} ({0}) VALUES ('rebuild')"
_SAMPLE = 20


class UnusableError(Exception):
    """The database cannot be served; the text is what the server prints before it exits."""


def check(path: Path) -> None:
    """Refuse a damaged file, or one written by a newer server."""
    try:
        with closing(schema.connect(path)) as connection:
            versions = [row[0] for row in connection.execute("SELECT version FROM schema_migrations")]
            for table in ("library_sections", "metadata_items", "media_items", "media_parts", "blobs"):
                found = connection.execute(f"PRAGMA quick_check({table})").fetchone()[0]
                if found != "ok":
                    raise UnusableError(_failed("database disk image is malformed", f"PRAGMA quick_check: {found}"))
    except sqlite3.DatabaseError as error:
        raise UnusableError(_failed(str(error), "PRAGMA cache_size=2000")) from error
    newest = max(version for version, _ in schema.migrations() if version.startswith("20"))
    newer = sorted(
        version for version in versions if version.startswith("20") and version[:_COMPARED] > newest[:_COMPARED]
    )
    if newer:
        raise UnusableError(f"Error: Unable to set up server: the database is newer than this server: {newer[-1]}")


def _failed(reason: str, statement: str) -> str:
    return (
        "Error: Unable to set up server: sqlite3_statement_backend::prepare: "
        f"{reason} for SQL: {statement} (N4soci10soci_errorE)"
    )


def pending(path: Path) -> list[str]:
    """List the migrations a database has not seen."""
    with closing(schema.connect(path)) as connection:
        return _missing(connection)


def run(path: Path) -> None:
    """Bring a database of an older release forward: tables, columns, dates, ``extra_data``, search, version rows."""
    with tempfile.TemporaryDirectory() as scratch:
        model_path = Path(scratch, "model.db")
        schema.create(model_path)
        with closing(schema.connect(model_path)) as model, closing(schema.connect(path)) as connection:
            connection.create_function("as_json", 1, _as_json, deterministic=True)
            with schema.transaction(connection):
                missing = _missing(connection)
                for trigger in _names(connection, "trigger"):
                    connection.execute(f'DROP TRIGGER "{trigger}"')
                _change_tables(model, connection)
                _change_dates(model, connection)
                for table in [_TEXT_FORMS[version] for version in missing if version in _TEXT_FORMS]:
                    connection.execute(
                        f"UPDATE {table} SET extra_data = as_json(extra_data)"
                        " WHERE extra_data <> '' AND NOT json_valid(extra_data)"
                    )
                for (trigger,) in model.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'"):
                    connection.execute(trigger)
                connection.executemany(
                    "INSERT INTO schema_migrations (version, rollback_sql) VALUES (?, ?)",
                    [row for row in schema.migrations() if row[0] in missing],
                )
            connection.execute("PRAGMA writable_schema = RESET")
            for table in SEARCHED:
                connection.execute(REBUILD.format(table))


def settle_search(path: Path) -> list[str]:
    """Fill full-text tables anew where they find nothing, as with terms of another tokenizer; give their names."""
    with closing(schema.connect(path)) as connection:
        silent = [table for table in SEARCHED if not _finds(connection, table)]
        for table in silent:
            connection.execute(REBUILD.format(table))
        return silent


def _finds(connection: sqlite3.Connection, table: str) -> bool:
    """Search some of the newest titles by themselves: one hit is enough, for a title may have no words."""
    content, column = SEARCHED[table]
    newest = connection.execute(
        f"SELECT rowid, {column} FROM {content} WHERE {column} <> '' ORDER BY rowid DESC LIMIT {_SAMPLE}"
    ).fetchall()
    search = f"SELECT 1 FROM {table} WHERE {table} MATCH ? AND docid = ?"
    phrases = [('"{}"'.format(row[1].replace('"', " ")), row[0]) for row in newest]
    return not newest or any(connection.execute(search, phrase).fetchone() for phrase in phrases)


def _missing(connection: sqlite3.Connection) -> list[str]:
    seen = {row[0] for row in connection.execute("SELECT version FROM schema_migrations")}
    return [version for version, _ in schema.migrations() if version not in seen]


def _as_json(text: str) -> str:
    return extra_data.to_json(extra_data.decode(text))


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,))]


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    return {row["name"]: row["type"].lower() for row in connection.execute(f'PRAGMA table_info("{table}")')}


def _change_tables(model: sqlite3.Connection, connection: sqlite3.Connection) -> None:
    for table in _names(connection, "table"):
        if table.startswith(_GONE_TABLES):
            connection.execute(f'DROP TABLE "{table}"')
    for table in _ordinary(model):
        columns = _columns(connection, table)
        wanted = _columns(model, table)
        if not columns:
            (sql,) = model.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            connection.execute(sql)
        for name in columns and wanted.keys() - columns.keys():
            connection.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {wanted[name]}')
        for name in columns.keys() - wanted.keys():
            connection.execute(f'ALTER TABLE {table} DROP COLUMN "{name}"')
    known = set(_names(connection, "index"))
    for name, sql in model.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
        if name not in known:
            connection.execute(sql)


def _ordinary(model: sqlite3.Connection) -> list[str]:
    found = model.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
    return [name for (name,) in found if not name.startswith(("sqlite_", "fts4_", "locations_"))]


def _change_dates(model: sqlite3.Connection, connection: sqlite3.Connection) -> None:
    """Make integers of local times in text, and say so in the declarations.

    The declarations are edited where they are written: SQLite stores such a column in the same way.
    """
    connection.execute("PRAGMA writable_schema = ON")
    for table in _ordinary(model):
        columns, wanted = _columns(connection, table), _columns(model, table)
        for name in columns.keys() & wanted.keys():
            if (columns[name], wanted[name]) != _DATE_TYPES:
                continue
            connection.execute(
                f"UPDATE {table} SET \"{name}\" = CAST(strftime('%s', \"{name}\", 'utc') AS INTEGER)"
                f" WHERE typeof(\"{name}\") = 'text'"
            )
        if _DATE_TYPES[0] in columns.values():
            (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            changed = re.sub(rf"\b{_DATE_TYPES[0]}\b", _DATE_TYPES[1], sql, flags=re.IGNORECASE)
            connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (changed, table))
