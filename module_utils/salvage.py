# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the rows that can still be read out of a damaged database into a new one.

Private to this collection. Stock SQLite reads a table in the order of its row numbers; where it runs into a damaged
page, the next number that can be reached is searched. What stands below a damaged inner page of a tree is not reached
this way. (The `.recover` of Debian's sqlite3 3.40.1 was tried: it fails on every database, also on sound ones.)
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from .damage import damage
from .plex_db import PlexDatabaseError, quoted, reading, sentence, uri
from .row_reader import RowReader, TableCensus

_BATCH = 1000
_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_INDEXES = "SELECT name FROM pragma_index_list(?) WHERE partial = 0"


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
    rows = RowReader(damaged, query, census).rows()
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
        with (
            reading(source) as damaged,
            closing(sqlite3.connect(uri(target, mode="rwc"), uri=True, isolation_level=None)) as new,
        ):
            new.execute("PRAGMA synchronous = OFF")
            _build(damaged, new, found)
        with reading(target) as new:
            problems, _ = damage(new)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise sentence(source, error) from error
    if problems:
        raise PlexDatabaseError(f"What could be read of {source} makes no sound database ({'; '.join(problems)}).")
    return found
