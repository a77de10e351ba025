"""plex_db_check and Plex's own SQLite, out of the image, on sound and damaged full text and ICU indexes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import rows, schema
from module_utils.integrity import check
from module_utils.plex_sqlite import ask, full_check
from tests.unit.database.builder import copy_real

pytestmark = pytest.mark.lab
FULL_TEXT = "fts4_metadata_titles_icu"
REBUILD = f"INSERT INTO {FULL_TEXT}({FULL_TEXT}) VALUES('rebuild');"


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    directory = tmp_path / 'it\'s, a "pair"' / "Databases"
    schema.create_library(directory)
    with closing(schema.connect(directory / schema.LIBRARY)) as connection, schema.transaction(connection):
        rows.add_section(connection, name="Music", section_type=8, locations=["/m"], now=1, section_id=5)
        for number in range(40):
            rows.add_item(connection, 5, rows.ARTIST, f"Zoë & {number:02d} 雨", 1)
    return directory


def spoil(path: Path, index: str) -> None:
    """Take an entry out of an index behind SQLite's back, by a lie about the index."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(path.read_bytes())
    page = (root - 1) * size
    cells = int.from_bytes(data[page + 3 : page + 5], "big")
    first = data[page + 8 : page + 10]
    # The first two entries change places: all are there, but not in order.
    data[page + 8 : page + 10], data[page + 10 : page + 12] = data[page + 10 : page + 12], first
    assert cells > 2
    path.write_bytes(data)


def test_sound_after_a_rebuild_and_damaged_where_only_it_can_see(image: str, pair: Path) -> None:
    before = full_check(pair, image)
    assert before.problems == []
    # The stand-in's library was made without ICU, so its terms are not those that ICU would make.
    assert FULL_TEXT in before.warnings[0]
    ask(pair, image, schema.LIBRARY, REBUILD, timeout=60)
    after = full_check(pair, image)
    assert after.warnings == []
    spoil(pair / schema.LIBRARY, "index_title_sort_icu")
    assert check(pair).problems == []
    damaged = full_check(pair, image)
    assert damaged.state == "damaged"
    assert "index_title_sort_icu" in damaged.problems[0]


def test_the_real_pair(image: str, tmp_path: Path) -> None:
    real = copy_real(tmp_path / "Databases")
    found = full_check(real, image)
    assert (found.state, found.problems) == ("ok", [])


def test_an_image_without_it(tmp_path: Path, pair: Path) -> None:
    found = full_check(pair, "plex-burst-lab/no-such-image:none")
    assert (found.state, found.problems) == ("absent", [])
    assert found.why
