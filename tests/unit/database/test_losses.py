"""The deletion breaker: what a library lost since a census, whatever was added meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.losses import Known, judge
from plugins.modules import plex_db_census, plex_db_losses
from tests.unit.database.builder import LIBRARY, Builder, execute, icu, query

Run = Callable[..., dict[str, Any]]
TRACKS = 48


@pytest.fixture
def library(tmp_path: Path) -> Path:
    builder = Builder(tmp_path / "Databases")
    builder.movies()
    builder.music(artists=4, albums=4, tracks=3)
    builder.library.execute("UPDATE metadata_items SET deleted_at = 5 WHERE title = 'Artist 3/Album 3/2'")
    return builder.finish()


def changed(library: Path, statement: str) -> None:
    # As Plex would: its triggers need its own tokenizer.
    triggers = query(library / LIBRARY, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    for name, _ in triggers:
        execute(library / LIBRARY, f"DROP TRIGGER {name}")
    execute(library / LIBRARY, statement)
    for _, sql in triggers:
        execute(library / LIBRARY, sql)


def trashed(count: int) -> str:
    return (
        "UPDATE metadata_items SET deleted_at = 1700000000 + id WHERE id IN"
        f" (SELECT id FROM metadata_items WHERE metadata_type = 10 AND deleted_at IS NULL ORDER BY id LIMIT {count})"
    )


def music(result: dict[str, Any]) -> dict[str, Any]:
    (found,) = [section for section in result["sections"] if section["name"] == "Music"]
    return dict(found)


@pytest.mark.parametrize(("lost", "passes"), [(0, False), (20, False), (21, True), (47, True)])
def test_soft_deleted_items_count_up_to_the_limit(run: Run, library: Path, lost: int, passes: bool) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, trashed(lost))
    result = run(plex_db_losses, directory=library, before=before)
    found = music(result)
    assert (result["passes"], found["lost"], found["soft_deleted"], found["removed"]) == (passes, lost, lost, 0)
    assert found["total"] == TRACKS - 1


def test_what_was_added_does_not_hide_what_was_lost(run: Run, library: Path) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, trashed(30))
    with closing(sqlite3.connect(library / LIBRARY)) as connection:
        connection.create_collation("icu_root", icu)
        connection.executemany(
            "INSERT INTO metadata_items (library_section_id, metadata_type, title) VALUES (2, 10, ?)",
            [(f"New {number}",) for number in range(40)],
        )
        connection.commit()
    after = run(plex_db_census, directory=library)["census"]
    assert after["sections"][1]["items"]["10"] > before["sections"][1]["items"]["10"], "a plain count sees no loss"
    assert music(run(plex_db_losses, directory=library, before=before))["lost"] == 30


def test_the_message_names_the_newest_losses_and_their_files(run: Run, library: Path) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, trashed(25))
    result = run(plex_db_losses, directory=library, before=before, titles=3)
    found = music(result)
    assert len(found["titles"]) == 3
    assert "Artist 3/Album 3/2" not in result["message"], "it was in the trash before"
    assert found["titles"][0].endswith("Track.flac)")
    assert "Music lost 25 of 47 items (25 soft-deleted, 0 removed)" in result["message"]


def test_files_count_even_when_their_items_live(run: Run, library: Path) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, "UPDATE media_parts SET deleted_at = 1700000000 WHERE id > 10")
    result = run(plex_db_losses, directory=library, before=before)
    assert (result["passes"], music(result)["lost"], music(result)["files_soft_deleted"]) == (True, 0, 41)


def test_a_section_that_is_gone_has_lost_everything(run: Run, library: Path) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, "UPDATE metadata_items SET library_section_id = NULL WHERE library_section_id = 2")
    found = music(run(plex_db_losses, directory=library, before=before))
    assert (found["passes"], found["lost"], found["removed"]) == (True, 47, 47)


def test_limits_are_the_persons(run: Run, library: Path) -> None:
    before = run(plex_db_census, directory=library)["census"]
    changed(library, trashed(3))
    assert run(plex_db_losses, directory=library, before=before, at_least=2)["passes"]
    assert not run(plex_db_losses, directory=library, before=before, at_least=2, percent=50)["passes"]


def test_something_else_than_a_census_is_refused(run: Run, library: Path) -> None:
    assert "is no census" in run(plex_db_losses, directory=library, before={"a": 1})["msg"]


COUNT = st.integers(0, 60)


@given(live=COUNT, deleted=COUNT, still_live=COUNT, still_there=COUNT)
def test_losses_add_up(live: int, deleted: int, still_live: int, still_there: int) -> None:
    still_there = max(still_there, still_live)
    section = {"id": 1, "name": "S", "items": {"10": live, "9": 500}, "deleted": {"10": deleted}}
    (loss,) = judge({"sections": [section]}, Known({(1, "10"): still_live}, {(1, "10"): still_there}))
    assert loss.lost == max(0, live - still_live) == loss.soft_deleted + loss.removed
    assert loss.passes is (loss.lost > 20), "1 % of at most 60 is less than 20"
    assert loss.total == live, "albums do not count"
