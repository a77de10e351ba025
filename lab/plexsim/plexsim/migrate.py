"""What the server does with a database it finds: refuse it, or bring it up to its own schema."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from . import schema

_COMPARED = 12  # digits of a version that name its time: 202507311200


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
        seen = {row[0] for row in connection.execute("SELECT version FROM schema_migrations")}
    return [version for version, _ in schema.migrations() if version not in seen]


def run(path: Path) -> None:
    """Add the tables, columns and version rows that are missing."""
    with tempfile.TemporaryDirectory() as scratch:
        model_path = Path(scratch, "model.db")
        schema.create(model_path)
        with (
            closing(schema.connect(model_path)) as model,
            closing(schema.connect(path)) as connection,
            schema.transaction(connection),
        ):
            _add_tables(model, connection)
            known = {row[0] for row in connection.execute("SELECT version FROM schema_migrations")}
            connection.executemany(
                "INSERT INTO schema_migrations (version, rollback_sql) VALUES (?, ?)",
                [row for row in schema.migrations() if row[0] not in known],
            )


def _add_tables(model: sqlite3.Connection, connection: sqlite3.Connection) -> None:
    tables = model.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
        " AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'fts4_%' AND name NOT LIKE 'locations_%'"
    ).fetchall()
    for table in tables:
        columns = {row["name"] for row in connection.execute(f"PRAGMA table_info({table['name']})")}
        if not columns:
            connection.execute(table["sql"])
            continue
        for column in model.execute(f"PRAGMA table_info({table['name']})"):
            if column["name"] not in columns:
                connection.execute(f'ALTER TABLE {table["name"]} ADD COLUMN "{column["name"]}" {column["type"]}')
