# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change the paths in a copy of a library database, and refuse what does not come out as it must.

Private to this collection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .census import Census, count_rows
from .path_mapping import PathMapping
from .plex_db import quoted, reading, writing
from .remap_directories import apply_directories
from .remap_plan import PATH_COLUMNS, PathColumn, Plan, RemapError, carry, occupied

# From here on an index is built anew faster than it is changed row by row.
REBUILD_FROM = 20_000
SAMPLES = 5
# Seconds that two connections of ours wait for each other on the copy: building an index ends, however large.
EACH_OTHER = 3600.0


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


_UPDATE = "UPDATE {table} SET {column} = {value} WHERE {where}"
_COLLISIONS = """
SELECT CAST(value AS BLOB) FROM (
  SELECT {column} AS old, CASE WHEN {where} THEN {value} ELSE {column} END AS value FROM {table}
)
GROUP BY value HAVING count(DISTINCT old) > 1 LIMIT :samples
"""
_SAMPLES = """
SELECT CAST({column} AS BLOB), CAST({value} AS BLOB) FROM {table}
WHERE ({where}) AND {value} IS NOT {column} LIMIT :samples
"""


def _execute(connection: sqlite3.Connection, statement: str, column: PathColumn, plan: Plan) -> sqlite3.Cursor:
    moves = plan.moves[column.table]
    filled = statement.format(table=column.table, column=column.column, value=moves.value, where=moves.where)
    return connection.execute(filled, {**moves.bounds, "samples": SAMPLES})


def samples(connection: sqlite3.Connection, plan: Plan) -> list[dict[str, str]]:
    """Show a few values of each column before and after."""
    return [
        {
            "table": column.table,
            "before": before.decode(errors="replace"),
            "after": after.decode(errors="replace"),
        }
        for column in PATH_COLUMNS
        for before, after in _execute(connection, _SAMPLES, column, plan)
    ]


def _distinct(connection: sqlite3.Connection, column: PathColumn) -> int:
    (count,) = connection.execute(column.sql("SELECT count(DISTINCT {column}) FROM {table}")).fetchone()
    return int(count)


def _refuse_collisions(
    original: sqlite3.Connection, changed: sqlite3.Connection, mapping: PathMapping, plan: Plan
) -> None:
    """Raise RemapError when different paths have become one."""
    for column in PATH_COLUMNS:
        # Counting is spared where no two paths can meet: nothing lies where the rules lead, and they lead apart.
        safe = mapping.leads_apart and not column.url and not occupied(original, column, mapping)
        if safe or not plan.counts[column.table] or _distinct(changed, column) == _distinct(original, column):
            continue
        found = _execute(original, _COLLISIONS, column, plan).fetchall()
        paths = ", ".join(path.decode(errors="replace") for (path,) in found)
        raise RemapError(
            f"The rules move different paths of {column.table} onto one ({paths}): make their new sides differ."
        )


@contextmanager
def _counted_beside(library: Path) -> Iterator[Future[Census]]:
    """Take the census of a database in a thread: it looks at rows, and another core is free while indexes are built."""

    def count() -> Census:
        with reading(library, EACH_OTHER) as connection:
            # One transaction, so that the writer does not get in between.
            connection.execute("BEGIN")
            return count_rows(connection)

    with ThreadPoolExecutor(1) as executor:
        yield executor.submit(count)


def change(original: sqlite3.Connection, copy: Path, mapping: PathMapping, plan: Plan, before: Census) -> Census:
    """Change a copy of the library whose census is before; return the census after.

    Raises RemapError when paths meet, when it counts differently, or when its schema is not what it was.
    """
    with writing(copy, EACH_OTHER) as connection:
        (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        for setting in ("journal_mode = OFF", "synchronous = OFF", "secure_delete = OFF", "cache_size = -8192"):
            connection.execute(f"PRAGMA {setting}").fetchone()
        connection.execute("BEGIN IMMEDIATE")
        statements: list[str] = []
        for column in PATH_COLUMNS:
            if plan.counts[column.table]:
                statements += _set_aside(connection, column, plan.counts[column.table])
                if plan.moves[column.table].worked_out:
                    carry(original, connection, column)
                _execute(connection, _UPDATE, column, plan)
        if plan.directories:
            apply_directories(connection, plan)
        connection.execute("COMMIT")
        with _counted_beside(copy) as counted:
            connection.execute("BEGIN")
            for statement in statements:
                connection.execute(statement)
            connection.execute("COMMIT")
            after = counted.result()
        _refuse_collisions(original, connection, mapping, plan)
        if after != before or _schema(connection) != _schema(original):
            raise RemapError("The library counted differently after the change than before; nothing was changed.")
        connection.execute(f"PRAGMA journal_mode = {journal_mode}").fetchone()
        return after
