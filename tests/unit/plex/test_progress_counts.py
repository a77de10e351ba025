from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from module_utils.progress_counts import LOCKED, MISSING, OK, UNREADABLE, Counts, read_counts, readable
from tests.unit.plex.conftest import BLOBS, LIBRARY, Databases

JSON = '{"ms:musicAnalysisVersion":"1","url":"ms%3AmusicAnalysisVersion=1"}'
URL = "ms%3AmusicAnalysisVersion=1"


def test_a_section_is_counted_by_its_own_live_rows(databases: Databases) -> None:
    databases.track(1, extra=JSON, vector=True)
    databases.track(2, extra=URL, vector=True)
    databases.track(3, extra="")
    databases.track(4, extra=None)
    databases.track(5, extra=JSON, vector=True, deleted=True)
    databases.track(6, section=7, extra=JSON, vector=True)
    databases.run(
        LIBRARY,
        "INSERT INTO metadata_items VALUES (20, 5, 8, NULL, '', 7)",
        "INSERT INTO metadata_items VALUES (21, 5, 9, NULL, '', 8)",
        "INSERT INTO metadata_items VALUES (22, NULL, 10, NULL, '', 999)",
    )
    databases.run(BLOBS, "INSERT INTO blobs VALUES (90, 'media_stream', 3, 7), (91, 'metadata_item', 3, 5)")
    reading = read_counts(str(databases.directory), 5)
    assert reading.state == OK
    assert reading.counts == Counts(
        items=6, items_deleted=1, parts=4, parts_deleted=1, tracks=4, analysed=2, vectors=2, changed_at=50
    )


@pytest.mark.parametrize(("section", "items", "tracks"), [(5, 60, 59), (4, 1, 1), (7, 1, 0), (9, 0, 0)])
def test_a_large_section_and_the_few_items_of_others_are_told_apart(
    databases: Databases, section: int, items: int, tracks: int
) -> None:
    """What lies in other sections, or in none, is counted instead of the section when it is little."""
    with closing(sqlite3.connect(databases.directory / LIBRARY)) as library:
        for key in range(1, 64):
            # The section, one below and one above it, and a row of no section at all.
            owner = 5 if key <= 60 else {61: 4, 62: 7, 63: None}[key]
            kind = 8 if key in {5, 62} else 10
            library.execute("INSERT INTO metadata_items VALUES (?, ?, ?, NULL, '', ?)", (key, owner, kind, key))
            library.execute("INSERT INTO media_items (id, library_section_id) VALUES (?, ?)", (key, owner))
            library.execute("INSERT INTO media_parts (id, media_item_id) VALUES (?, ?)", (key, key))
        library.commit()
    counts = read_counts(str(databases.directory), section).counts
    assert counts is not None
    assert (counts.items, counts.tracks, counts.parts) == (items, tracks, items)


def test_an_unknown_section_has_nothing(databases: Databases) -> None:
    databases.track(1)
    reading = read_counts(str(databases.directory), 99)
    assert reading.counts == Counts(0, 0, 0, 0, 0, 0, 0, 0)


def test_rows_in_the_wal_count(databases: Databases) -> None:
    with closing(sqlite3.connect(databases.directory / LIBRARY)) as writer:
        writer.execute("INSERT INTO metadata_items VALUES (1, 5, 10, NULL, '', 1)")
        writer.commit()
        assert (databases.directory / f"{LIBRARY}-wal").stat().st_size > 0
        reading = read_counts(str(databases.directory), 5)
    assert reading.counts is not None
    assert reading.counts.tracks == 1


def test_a_locked_database_is_a_state(databases: Databases) -> None:
    databases.run(LIBRARY, "PRAGMA journal_mode=DELETE")
    with closing(sqlite3.connect(databases.directory / LIBRARY, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        reading = read_counts(str(databases.directory), 5, busy_seconds=0.05)
        assert readable(str(databases.directory), busy_seconds=0.05).state == LOCKED
    assert (reading.state, reading.counts) == (LOCKED, None)


def test_no_database_is_missing_and_stays_so(databases: Databases) -> None:
    (databases.directory / LIBRARY).unlink()
    assert read_counts(str(databases.directory), 5).state == MISSING
    assert readable(str(databases.directory)).state == MISSING
    assert not (databases.directory / LIBRARY).exists()


def test_what_is_no_database_is_unreadable(databases: Databases) -> None:
    (databases.directory / LIBRARY).write_bytes(b"not a database, but longer than a header " * 40)
    assert read_counts(str(databases.directory), 5).state == UNREADABLE
    assert readable(str(databases.directory)).state == UNREADABLE


@pytest.mark.parametrize("damage", ["missing", "garbage"])
def test_vectors_that_cannot_be_read_are_unknown_not_zero(databases: Databases, damage: str) -> None:
    databases.track(1, extra=JSON, vector=True)
    path = databases.directory / BLOBS
    path.unlink() if damage == "missing" else path.write_bytes(b"garbage" * 1000)
    reading = read_counts(str(databases.directory), 5)
    assert reading.state == OK
    assert reading.counts is not None
    assert (reading.counts.analysed, reading.counts.vectors) == (1, None)
    assert reading.detail.startswith("vectors: ")


def test_reading_changes_nothing(databases: Databases) -> None:
    databases.track(1)
    before = (databases.directory / LIBRARY).read_bytes()
    read_counts(str(databases.directory), 5)
    assert (databases.directory / LIBRARY).read_bytes() == before
