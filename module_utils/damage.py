# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What SQLite itself finds wrong with an open database.

Private to this collection. Plex's databases use a collation (icu_root) that stock SQLite lacks. A stand-in
makes its integrity_check run; what that says about the order of an ICU index is left out, all else counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from .plex_db import quoted, table_names

FEW = 5
# 64 MB: looking every row up in every index jumps about. A quick check goes through each tree in its order.
_CACHE = "PRAGMA cache_size = -65536"
_INDEXES = "SELECT name FROM pragma_index_list(?) WHERE partial = 0"
_ROWS = "SELECT count(*) FROM {} NOT INDEXED"
_ENTRIES = "SELECT count(*) FROM {} INDEXED BY {}"
_LAST_ID = "SELECT max(rowid) FROM {}"
# What our SQLite cannot judge, in its own words.
_NOT_OURS = ("no such collation sequence", "unknown tokenizer", "no such module")


def _compare(left: str, right: str) -> int:
    left, right = left.casefold(), right.casefold()
    return (left > right) - (left < right)


def _messages(connection: sqlite3.Connection, pragma: str, icu: Iterable[str]) -> list[str]:
    found: list[str] = []
    for (message,) in connection.execute(pragma):
        order_only = message.startswith(("row ", "rowid ")) and any(index in message for index in icu)
        if message != "ok" and not order_only:
            found.append(" ".join(message.split()))
            if len(found) >= FEW:
                break
    return found


def _sequence_messages(connection: sqlite3.Connection) -> list[str]:
    """SQLite's own check leaves out the table of the highest ids, which has no index to disagree with."""
    tables = set(table_names(connection))
    if "sqlite_sequence" not in tables:
        return []
    found = []
    for name, highest in connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall():
        if name in tables and isinstance(highest, int):
            (last,) = connection.execute(_LAST_ID.format(quoted(name))).fetchone()
            if (last or 0) <= highest:
                continue
        found.append(f"sqlite_sequence disagrees with {name}")
    return found[:FEW]


def index_messages(connection: sqlite3.Connection, tables: Iterable[str]) -> list[str]:
    """Compare the number of entries of every index with the number of rows: cheap, and finds what lost a write."""
    found = []
    for table in tables:
        (rows,) = connection.execute(_ROWS.format(quoted(table))).fetchone()
        for (index,) in connection.execute(_INDEXES, (table,)).fetchall():
            (entries,) = connection.execute(_ENTRIES.format(quoted(table), quoted(index))).fetchone()
            if entries != rows:
                found.append(f"{index} has {entries} entries for {rows} rows of {table}")
    return found[:FEW]


def damage(connection: sqlite3.Connection, quick: bool = False) -> tuple[list[str], list[str]]:
    """Run SQLite's own check; return what is damaged and which tables it could not judge.

    The whole-file form also covers the free list and pages nobody owns. Where it is refused (a newer SQLite
    asks virtual tables too) every table is checked by itself.
    """
    connection.create_collation("icu_root", _compare)
    if not quick:
        connection.execute(_CACHE)
    icu = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%icu_root%'"
        )
    ]
    check = "quick_check" if quick else "integrity_check"
    try:
        found = _messages(connection, f"PRAGMA {check}(1000000000)", icu)
        return found or _sequence_messages(connection), []
    except sqlite3.OperationalError as error:
        if not str(error).startswith(_NOT_OURS):
            raise
    found = _sequence_messages(connection)
    unchecked: list[str] = []
    for table in table_names(connection):
        try:
            found += _messages(connection, f"PRAGMA {check}({quoted(table)})", icu)
        except sqlite3.OperationalError as error:
            if not str(error).startswith(_NOT_OURS):
                raise
            unchecked.append(table)
    return found, unchecked
