"""Pages of a whole section: sorted once, in the right order, and anew when items come or go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import rows, schema, search
from lab.plexsim.plexsim.pages import Pages, Whole

SECTION = 5
TITLES = ["delta", "Alpha", "charlie", "Bravo", "echo"]


@pytest.fixture
def library(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Iterator[sqlite3.Connection]:
    fresh_library(tmp_path)
    with closing(schema.connect(tmp_path / schema.LIBRARY)) as connection:
        with schema.transaction(connection):
            rows.add_section(connection, name="Music", section_type=8, locations=["/m"], now=1, section_id=SECTION)
            for title in TITLES:
                rows.add_item(connection, SECTION, rows.ARTIST, title, 1)
            rows.add_item(connection, SECTION, rows.ALBUM, "aaa", 1)
        yield connection


def whole(sort: str = "") -> Whole:
    return Whole(SECTION, rows.ARTIST, search.order({"sort": sort}))


def titles(pages: Pages, library: sqlite3.Connection, start: int, size: int, sort: str = "") -> list[str]:
    return [row["title"] for row in pages.rows(library, whole(sort), start, size)[1]]


def test_pages_follow_each_other(library: sqlite3.Connection) -> None:
    pages = Pages()
    assert [titles(pages, library, start, 2) for start in (0, 2, 4, 6)] == [
        ["Alpha", "Bravo"],
        ["charlie", "delta"],
        ["echo"],
        [],
    ]
    assert titles(pages, library, 0, 2, "titleSort:desc") == ["echo", "delta"]
    assert titles(pages, library, 1, 100, "id") == TITLES[1:]
    assert pages.rows(library, whole(), 0, 0) == (len(TITLES), [])


def test_a_section_is_sorted_once_until_items_come_or_go(library: sqlite3.Connection) -> None:
    pages = Pages()
    sorts: list[str] = []
    library.set_trace_callback(lambda sql: sorts.append(sql) if "ORDER BY" in sql else None)
    for start in range(0, 6, 2):
        titles(pages, library, start, 2)
    assert len(sorts) == 1
    with schema.transaction(library):
        rows.add_item(library, SECTION, rows.ARTIST, "bambi", 1)
    assert titles(pages, library, 0, 3) == ["Alpha", "bambi", "Bravo"]
    library.execute("DELETE FROM metadata_items WHERE title = 'Alpha'")
    assert titles(pages, library, 0, 3) == ["bambi", "Bravo", "charlie"]


def test_counting_sorts_nothing(library: sqlite3.Connection) -> None:
    pages = Pages()
    assert pages.rows(library, whole(), 0, 0)[0] == len(TITLES)
    assert not pages.kept
