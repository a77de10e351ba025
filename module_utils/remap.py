# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a path mapping to a library database: backup first, one transaction, all or nothing.

Private to this collection.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .census import Census, count_rows
from .database_copy import copy_locked
from .files import read_json, write_json
from .path_mapping import PathMapping
from .plex_db import LIBRARY, quoted, writing
from .remap_directories import apply_directories, plan_directories
from .remap_plan import PATH_COLUMNS, PathColumn, Plan, RemapError, occupied, plan_columns, unused_rules

STAMP = ".plex-burst-remap.json"
# From here on an index is built anew faster than it is changed row by row.
REBUILD_FROM = 20_000
SAMPLES = 5
# Seconds to wait for a lock: Plex should be stopped by now.
PATIENCE = 10.0


@dataclass
class Outcome:
    """What a remap did, or would do."""

    changed: bool = False
    backup: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    samples: list[dict[str, str]] = field(default_factory=list)
    census_before: Census = field(default_factory=dict)
    census_after: Census = field(default_factory=dict)


def _schema(connection: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return set(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall())


def _set_aside(connection: sqlite3.Connection, column: PathColumn, rows: int) -> list[str]:
    """Drop what stands in the way of a change; return the statements that bring it back, verbatim.

    Triggers on metadata_items need Plex's tokenizer; a guid is not among the titles they index.
    """
    kinds = ["trigger"] if column.table == "metadata_items" else []
    kinds += ["index"] if rows >= REBUILD_FROM else []
    statements = []
    for kind, name, sql in connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL", (column.table,)
    ).fetchall():
        indexed = {row[2] for row in connection.execute(f"PRAGMA index_info({quoted(name)})")}
        if kind in kinds and (kind == "trigger" or column.column in indexed):
            connection.execute(f"DROP {kind} {quoted(name)}")
            statements.append(sql)
    return statements


_UPDATE = """
UPDATE {table} SET {column} = (
  SELECT ifnull({plan}_rows.value, CAST(new || substr(CAST({column} AS BLOB), length + 1) AS TEXT))
  FROM temp.{plan}_rows LEFT JOIN temp.rules ON number = rule WHERE {plan}_rows.id = {table}.id)
WHERE id IN (SELECT id FROM {plan}_rows)
"""
_COLLISIONS = """
SELECT CAST(value AS BLOB) FROM {plan} JOIN {table} USING (id) GROUP BY value HAVING count(DISTINCT {column}) > 1
UNION
SELECT CAST(value AS BLOB) FROM {plan} JOIN {table} AS other ON other.{column} = value
WHERE other.id NOT IN (SELECT id FROM {plan}_rows) LIMIT ?
"""
_SAMPLES = """
SELECT CAST({column} AS BLOB), CAST(value AS BLOB) FROM {table} JOIN {plan} USING (id) LIMIT ?
"""


def _distinct(connection: sqlite3.Connection, column: PathColumn) -> int:
    (count,) = connection.execute(column.sql("SELECT count(DISTINCT {column}) FROM {table}")).fetchone()
    return int(count)


def _apply_column(connection: sqlite3.Connection, column: PathColumn, mapping: PathMapping, rows: int) -> None:
    # Counting is spared where no two paths can meet: nothing lies where the rules lead, and they lead apart.
    safe = mapping.leads_apart and not column.url and not occupied(connection, column, mapping)
    before = 0 if safe else _distinct(connection, column)
    connection.execute("SAVEPOINT change")
    statements = _set_aside(connection, column, rows)
    connection.execute(column.sql(_UPDATE))
    for statement in statements:
        connection.execute(statement)
    if not safe and _distinct(connection, column) < before:
        connection.execute("ROLLBACK TO change")
        found = connection.execute(column.sql(_COLLISIONS), (SAMPLES,)).fetchall()
        paths = ", ".join(path.decode(errors="replace") for (path,) in found)
        raise RemapError(
            f"The rules move different paths of {column.table} onto one ({paths}): make their new sides differ."
        )
    connection.execute("RELEASE change")


def _samples(connection: sqlite3.Connection) -> list[dict[str, str]]:
    return [
        {
            "table": column.table,
            "before": before.decode(errors="replace"),
            "after": after.decode(errors="replace"),
        }
        for column in PATH_COLUMNS
        for before, after in connection.execute(column.sql(_SAMPLES), (SAMPLES,))
    ]


def _stamp(connection: sqlite3.Connection, mapping: PathMapping) -> dict[str, Any]:
    rules = sorted((rule.old.hex(), rule.new.hex()) for rule in mapping.rules)
    roots = connection.execute("SELECT id, hex(root_path) FROM section_locations ORDER BY id").fetchall()
    return {
        "mappings": hashlib.sha256(json.dumps(rules).encode()).hexdigest(),
        "roots": [list(row) for row in roots],
    }


def back_up(library: Path, backup_dir: Path) -> Path:
    """Copy the library aside before it is changed; the caller holds its write lock."""
    size = library.stat().st_size
    backup_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = shutil.disk_usage(backup_dir).free
    if free < size * 1.05:
        raise RemapError(
            f"The backup of {library} needs {size // 1_000_000} MB in {backup_dir}, where {free // 1_000_000} MB"
            " are free. Free some, or name another backup_dir."
        )
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    backup = backup_dir / f"{library.name}.{now}.before-remap"
    copy_locked(library, backup)
    return backup


def _change(connection: sqlite3.Connection, mapping: PathMapping, plan: Plan, outcome: Outcome) -> None:
    outcome.census_before = count_rows(connection)
    schema = _schema(connection)
    for column in PATH_COLUMNS:
        if plan.counts[column.table]:
            _apply_column(connection, column, mapping, plan.counts[column.table])
    if plan.directories:
        apply_directories(connection, plan)
    outcome.census_after = count_rows(connection)
    if outcome.census_after != outcome.census_before or _schema(connection) != schema:
        raise RemapError("The library counted differently after the change than before; nothing was changed.")


def remap(directory: Path, mapping: PathMapping, backup_dir: Path, dry_run: bool = False) -> Outcome:
    """Apply a mapping to the library of a directory. Plex must not be running."""
    library = directory / LIBRARY
    outcome = Outcome()
    with writing(library, PATIENCE) as connection:
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        try:
            if not mapping.settles and read_json(directory / STAMP) == _stamp(connection, mapping):
                return outcome
            plan = plan_columns(connection, mapping)
            plan_directories(connection, mapping, plan)
            outcome.unused = [str(rule) for rule in unused_rules(connection, mapping, plan)]
            outcome.counts, outcome.changed = plan.counts, not plan.empty
            if plan.empty:
                return outcome
            outcome.samples = _samples(connection)
            if not dry_run:
                outcome.backup = str(back_up(library, backup_dir))
            _change(connection, mapping, plan, outcome)
            if dry_run:
                return outcome
            stamp = _stamp(connection, mapping)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    write_json(directory / STAMP, stamp)
    return outcome
