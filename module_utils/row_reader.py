# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the rows of a damaged table, around what cannot be read, and count them.

Private to this collection.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

FIRST, LAST = -(1 << 63), (1 << 63) - 1


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


class RowReader:
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
