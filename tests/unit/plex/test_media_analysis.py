"""Counting how many files of a section were looked into."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from module_utils.media_analysis import read_media

from .conftest import LIBRARY, Databases


@pytest.fixture
def section(databases: Databases) -> Databases:
    """Four tracks of which one is deleted, and one of another section; none looked into but two."""
    for key in (1, 2, 3):
        databases.track(key)
    databases.track(4, deleted=True)
    databases.track(5, section=1)
    databases.run(
        LIBRARY,
        "UPDATE media_items SET media_analysis_version = 0 WHERE id IN (3, 4, 5)",
        "INSERT INTO media_streams VALUES (77, 1)",
    )
    return databases


def test_live_media_of_the_section_count(section: Databases) -> None:
    assert read_media(str(section.directory), 5) == ("ok", {"media": 3, "media_analysed": 2, "last_stream": 77}, "")


def test_a_version_that_is_null_is_no_analysis(section: Databases) -> None:
    section.run(LIBRARY, "UPDATE media_items SET media_analysis_version = NULL WHERE id = 2")
    assert read_media(str(section.directory), 5)[1]["media_analysed"] == 1


def test_a_version_of_any_kind_of_media_is_one(section: Databases) -> None:
    """Films have another version than music."""
    section.run(LIBRARY, "UPDATE media_items SET media_analysis_version = 6 WHERE id = 3")
    assert read_media(str(section.directory), 5)[1]["media_analysed"] == 3


def test_a_missing_database_is_a_state(tmp_path: Path) -> None:
    assert read_media(str(tmp_path), 5)[:2] == ("missing", {})


def test_a_locked_database_is_a_state(section: Databases) -> None:
    with closing(sqlite3.connect(section.directory / LIBRARY)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        assert read_media(str(section.directory), 5, busy_seconds=0.05)[:2] == ("locked", {})


def test_no_table_is_read_row_by_row(section: Databases) -> None:
    """Half a million rows must not be read for each sample."""
    section.run(
        LIBRARY,
        "CREATE INDEX one ON media_items (library_section_id)",
        "CREATE INDEX two ON media_items (deleted_at)",
        "CREATE INDEX three ON media_items (media_analysis_version)",
    )
    from module_utils.media_analysis import _COUNTS  # noqa: PLC0415 - only this test looks into the query

    with closing(sqlite3.connect(section.directory / LIBRARY)) as library:
        plan = [row[3] for row in library.execute(f"EXPLAIN QUERY PLAN {_COUNTS}", {"section": 5})]
    assert not [step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step], plan
