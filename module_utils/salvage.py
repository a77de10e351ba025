# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the rows that can still be read out of a damaged database into a new one.

Private to this collection. Stock SQLite reads a table in the order of its row numbers; where it runs into a damaged
page, the next number that can be reached is searched. What stands below a damaged inner page of a tree is not reached
this way. (The `.recover` of Debian's sqlite3 3.40.1 was tried: it fails on every database, also on sound ones.)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from .damage import damage
from .plex_db import PlexDatabaseError, quoted, reading, sentence, uri

FIRST, LAST = -(1 << 63), (1 << 63) - 1
_BATCH = 1000
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_INDEXES = "SELECT name FROM pragma_index_list(?) WHERE partial = 0"


@dataclass
class TableCensus:
    """Rows of one table: expected as far as any index knows (None: no index does), found in the new file."""

    found: int = 0
    expected: int | None = None
    damaged_ranges: int = 0

    @property
    def lost(self) -> int | None:
        """How many rows are missing; None when rows are missing and nobody knows how many."""
        if self.expected is None:
            return None if self.damaged_ranges else 0
        return max(self.expected - self.found, 0) or (None if self.damaged_ranges and not self.expected else 0)


@dataclass
class Salvaged:
    """What a salvage brought."""

    tables: dict[str, TableCensus] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


def _entries(damaged: sqlite3.Connection, table: str) -> int | None:
    """Ask every index of a table how many rows there are: an index is often whole where the table is not."""
    counts = []
    for (index,) in damaged.execute(_INDEXES, (table,)).fetchall():
        query = f"SELECT count(*) FROM {quoted(table)} INDEXED BY {quoted(index)}"  # noqa: S608 - quoted names
        try:
            counts.append(int(damaged.execute(query).fetchone()[0]))
        except sqlite3.DatabaseError:
            continue
    return max(counts, default=None)


class _Reader:
    """Reads a table row by row in the order of its numbers, around what is damaged."""

    def __init__(self, damaged: sqlite3.Connection, query: str, census: TableCensus) -> None:
        self._damaged, self._query, self._census = damaged, query, census

    def _one(self, number: int) -> tuple[Any, ...] | None:
        """Read the first row from a number on; None at the end; DatabaseError where it cannot be read."""
        row = self._damaged.execute(f"{self._query} LIMIT 1", (number,)).fetchone()
        # A page of another tree in place of one of this gives numbers that were there, or strange ones.
        if row and not (isinstance(row[0], int) and row[0] >= number):
            raise sqlite3.DatabaseError("a row out of order")
        return tuple(row) if row else None

    def _works(self, number: int) -> bool:
        try:
            self._one(number)
        except sqlite3.DatabaseError:
            return False
        return True

    def _readable_from(self, after: int) -> int | None:
        """Find the lowest number after one, from which on reading works again; None when it never does."""
        low, step = after, 1
        while not self._works(high := min(low + step, LAST)):
            if high == LAST:
                return None
            low, step = high, step * 2
        while low + 1 < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._works(middle) else (middle, high)
        return high

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Give every row that can be read; each starts with its number."""
        last = FIRST
        while True:
            try:
                for row in self._damaged.execute(self._query, (last + 1,)):
                    if not (isinstance(row[0], int) and row[0] > last):
                        break
                    last = row[0]
                    yield row
                else:
                    return
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                    raise
            # Python reads one row ahead, so the last good ones before the damage are still to be had, one by one.
            with suppress(sqlite3.DatabaseError):
                while alone := self._one(last + 1):
                    last = alone[0]
                    yield alone
                return
            self._census.damaged_ranges += 1
            start = self._readable_from(last + 1)
            if start is None:
                return
            last = start - 1


def _encoded(value: Any) -> Any:
    """A text that is no UTF-8 goes in as its bytes; the statement makes it a text again."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


def _copy_rows(damaged: sqlite3.Connection, new: sqlite3.Connection, table: str) -> TableCensus:
    columns = [name for (name,) in new.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    names = ", ".join(map(quoted, columns))
    census = TableCensus(expected=_entries(damaged, table))
    query = f"SELECT rowid, {names} FROM {quoted(table)} NOT INDEXED WHERE rowid >= ? ORDER BY rowid"  # noqa: S608 - quoted names
    into = f"INSERT OR IGNORE INTO {quoted(table)} (rowid, {names}) VALUES (?, {{}})"  # noqa: S608 - quoted names
    plain = into.format(", ".join("?" * len(columns)))
    rows = _Reader(damaged, query, census).rows()
    while batch := list(islice(rows, _BATCH)):
        try:
            new.executemany(plain, batch)
        except UnicodeEncodeError:
            for row in batch:
                marks = ["CAST(? AS TEXT)" if isinstance(value, str) else "?" for value in row[1:]]
                new.execute(into.format(", ".join(marks)), [_encoded(value) for value in row])
    (census.found,) = new.execute(f"SELECT count(*) FROM {quoted(table)} NOT INDEXED").fetchone()  # noqa: S608 - quoted name
    return census


def _keep_sequence(damaged: sqlite3.Connection, new: sqlite3.Connection, found: Salvaged) -> None:
    """Keep the highest number each table ever gave: one that was given before must not be given again."""
    try:
        highest = damaged.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    except sqlite3.DatabaseError:
        found.left_out.append("sqlite_sequence")
        return
    for name, number in highest:
        if name in found.tables and isinstance(number, int):
            done = new.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name))
            if not done.rowcount:
                new.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))


def _build(damaged: sqlite3.Connection, new: sqlite3.Connection, found: Salvaged) -> None:
    schema = damaged.execute(_SCHEMA).fetchall()
    tables = [
        (name, sql)
        for kind, name, _, sql in schema
        if kind == "table" and not name.startswith("sqlite_") and not sql.upper().startswith("CREATE VIRTUAL")
    ]
    (page_size,) = damaged.execute("PRAGMA page_size").fetchone()
    new.execute(f"PRAGMA page_size = {int(page_size)}")
    new.execute("BEGIN")
    for name, sql in tables:
        new.execute(sql)
        found.tables[name] = _copy_rows(damaged, new, name)
    _keep_sequence(damaged, new, found)
    for kind, _, _, sql in schema:
        if kind == "index":
            try:
                # Only Plex's build sorts in ICU order; such an index in any other order is worse than none.
                new.execute(sql)
            except sqlite3.DatabaseError:
                found.left_out.append(sql)
    new.execute("PRAGMA writable_schema = ON")
    new.executemany(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES (?, ?, ?, 0, ?)",
        [row for row in schema if row[0] == "trigger" or row[3].upper().startswith("CREATE VIRTUAL")],
    )
    new.execute("COMMIT")
    new.execute("PRAGMA journal_mode = WAL")


def salvage(source: Path, target: Path) -> Salvaged:
    """Make target, a new database, out of what can be read of source.

    source must be a copy of ours: its log is read along. Raises PlexDatabaseError when not even the schema is readable.
    """
    found = Salvaged()
    try:
        with reading(source) as damaged, closing(
            sqlite3.connect(uri(target, mode="rwc"), uri=True, isolation_level=None)
        ) as new:
            new.execute("PRAGMA synchronous = OFF")
            _build(damaged, new, found)
        with reading(target) as new:
            problems, _ = damage(new)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise sentence(source, error) from error
    if problems:
        raise PlexDatabaseError(f"What could be read of {source} makes no sound database ({'; '.join(problems)}).")
    return found
