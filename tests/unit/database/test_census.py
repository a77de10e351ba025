"""Counting a library, and comparing two counts: tables of cases and properties."""

from __future__ import annotations

import copy
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.census import Census
from module_utils.census_comparison import compare, passes_limit
from plugins.modules import plex_db_census, plex_progress
from tests.unit.database.builder import BLOBS, LIBRARY, Builder, execute, query

Run = Callable[..., dict[str, Any]]


def test_a_library_is_counted(run: Run, pair: Path) -> None:
    execute(pair / BLOBS, "DELETE FROM blobs WHERE id = (SELECT max(id) FROM blobs)")
    census = run(plex_db_census, directory=pair)["census"]
    assert census == {
        "sections": [
            {
                "id": 1,
                "name": "Movies",
                "type": "movie",
                "items": {"1": 3},
                "deleted": {},
                "analysed": 0,
                "analysed_items": 0,
                "parts": 3,
                "parts_deleted": 0,
                "blobs": 0,
            },
            {
                "id": 2,
                "name": "Music",
                "type": "artist",
                "items": {"8": 2, "9": 4, "10": 12},
                "deleted": {},
                "analysed": 4,
                "analysed_items": 4,
                "parts": 12,
                "parts_deleted": 0,
                "blobs": 3,
            },
        ],
        "unsectioned": {},
        "schema_migrations": 40,
        "vector_blobs": 3,
        "highest_id": 21,
    }


def test_soft_deleted_rows_and_rows_of_no_section(run: Run, tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    section = builder.music()
    builder.library.execute("UPDATE metadata_items SET deleted_at = 1 WHERE title = 'Artist 0/Album 0/0'")
    builder.library.execute("UPDATE media_parts SET deleted_at = 1 WHERE id = 1")
    builder.library.execute(
        "UPDATE metadata_items SET extra_data = 'ms%3AmusicAnalysisVersion=1' WHERE title = 'Artist 1'"
    )
    builder.item(-2, 10, "placeholder", extra_data="ms%3AmusicAnalysisVersion=1")
    builder.insert("metadata_items", metadata_type=15, title="playlist")
    census = run(plex_db_census, directory=builder.finish())["census"]
    (music,) = census["sections"]
    assert (section, music["items"]["10"], music["deleted"]) == (1, 11, {"10": 1})
    assert (music["analysed"], music["analysed_items"]) == (3, 4)
    assert (music["parts"], music["parts_deleted"]) == (11, 1)
    assert census["unsectioned"] == {"10": 1, "15": 1}


def test_the_real_pair(run: Run, real_pair: Path) -> None:
    census = run(plex_db_census, directory=real_pair)["census"]
    assert {section["name"]: section["items"] for section in census["sections"]} == {
        "Movies": {"1": 5, "18": 1},
        "TV Shows": {"2": 3, "3": 5, "4": 38, "18": 1},
        "Photos": {"13": 9, "14": 3},
        "Music": {"8": 2, "9": 3, "10": 9},
    }
    assert (census["unsectioned"], census["schema_migrations"]) == ({"12": 25, "15": 7}, 246)


def test_the_census_is_written_once(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "baseline.json"
    assert run(plex_db_census, directory=pair, dest=dest, check_mode=True)["changed"]
    assert not dest.exists()
    first = run(plex_db_census, directory=pair, dest=dest)
    assert (first["changed"], json.loads(dest.read_text())) == (True, first["census"])
    assert dest.stat().st_mode & 0o777 == 0o600
    assert run(plex_db_census, directory=pair, dest=dest)["changed"] is False


def test_a_live_library_is_read_with_its_log(run: Run, pair: Path) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")
        writer.commit()
        writer.execute("BEGIN IMMEDIATE")
        census = run(plex_db_census, directory=pair)["census"]
    assert [section["name"] for section in census["sections"]] == ["Movies", "Music", "Late"]


def test_what_cannot_be_read_is_no_zero(run: Run, pair: Path) -> None:
    library = (pair / LIBRARY).read_bytes()
    (pair / LIBRARY).write_bytes(b"x" * 5000)
    assert "file is not a database" in run(plex_db_census, directory=pair)["msg"]
    (pair / LIBRARY).write_bytes(library)
    (pair / BLOBS).unlink()
    result = run(plex_db_census, directory=pair)
    assert (result["failed"], result["msg"]) == (True, f"{pair / BLOBS} does not exist.")


def test_locked(run: Run, pair: Path) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE library_sections SET name = name")
        result = run(plex_db_census, directory=pair, timeout=0.1)
        progress = run(plex_progress, database_dir=pair, section=2, timeout=0.1)
    assert (result["failed"], result["locked"]) == (True, True)
    assert (progress.get("failed"), progress["state"], "tracks" in progress) == (None, "locked", False)


def test_progress(run: Run, pair: Path) -> None:
    result = run(plex_progress, database_dir=pair, section=2)
    assert result["message"] == "4 of 12 tracks analysed, 8 pending"
    assert (result["tracks"], result["analysed"], result["pending"], result["vectors"]) == (12, 4, 8, 4)
    assert query(pair / LIBRARY, "SELECT count(*) FROM metadata_items WHERE library_section_id = 2") == [
        (result["total"],)
    ]


def section(key: int, name: str, kind: str, items: dict[str, int], analysed: int = 0) -> dict[str, Any]:
    return {"id": key, "name": name, "type": kind, "items": items, "deleted": {}, "analysed": analysed}


BEFORE: Census = {
    "sections": [
        section(1, "Movies", "movie", {"1": 5, "18": 1}),
        section(2, "Music", "artist", {"8": 2, "9": 3, "10": 9}, 4),
        section(3, "Photos", "photo", {"13": 9}),
    ]
}


def after(**changes: Any) -> Census:
    """The census before, with the music changed (or another section, by name)."""
    found = copy.deepcopy(BEFORE)
    name = changes.pop("name", "Music")
    (chosen,) = [section for section in found["sections"] if section["name"] == name]
    for key, value in changes.items():
        chosen[key] = {**chosen[key], **value} if isinstance(value, dict) else value
    return found


CHANGES: list[tuple[Census, tuple[str, ...], dict[str, Any]]] = [
    (after(), ("Music",), {"lost": [], "disturbed": [], "gain": 0}),
    (after(analysed=9), ("Music",), {"lost": [], "disturbed": [], "gain": 5}),
    (after(analysed=9), ("Movies",), {"lost": [], "disturbed": ["Music"], "gain": 5}),
    (after(analysed=3), ("Music",), {"lost": ["Music"], "disturbed": [], "gain": -1}),
    (after(items={"10": 12}), ("Music",), {"lost": [], "disturbed": [], "gain": 0}),
    (after(items={"10": 8}), ("Music",), {"lost": ["Music"], "disturbed": [], "gain": 0}),
    (after(items={"10": 8}, deleted={"10": 1}), ("Music",), {"lost": [], "disturbed": [], "gain": 0}),
    (after(items={"10": 7}, deleted={"10": 1}), ("Music",), {"lost": ["Music"], "disturbed": [], "gain": 0}),
    (after(items={"10": 8}, deleted={"8": 1}), ("Music",), {"lost": ["Music"], "disturbed": [], "gain": 0}),
    (after(items={"10": 8}, deleted={"10": 1}), ("Movies",), {"lost": ["Music"], "disturbed": ["Music"], "gain": 0}),
    (after(items={"10": 8}, deleted={"10": 1}, analysed=3), ("Music",), {"lost": [], "disturbed": [], "gain": -1}),
    (
        after(items={"10": 8}, deleted={"10": 1}, analysed=2),
        ("Music",),
        {"lost": ["Music"], "disturbed": [], "gain": -2},
    ),
    (after(items={"9": 2}), ("Music",), {"lost": [], "disturbed": [], "gain": 0}),
    (after(items={"9": 2}), ("Movies",), {"lost": ["Music"], "disturbed": ["Music"], "gain": 0}),
    (after(name="Movies", items={"1": 6}), ("Music",), {"lost": [], "disturbed": ["Movies"], "gain": 0}),
    (after(name="Movies", items={"18": 0}), ("Movies",), {"lost": ["Movies"], "disturbed": [], "gain": 0}),
    (after(name="Photos", deleted={"13": 1}), (), {"lost": [], "disturbed": ["Photos"], "gain": 0}),
    ({"sections": BEFORE["sections"][:1]}, (), {"lost": ["Music", "Photos"], "disturbed": ["Photos"], "gain": -4}),
]


@pytest.mark.parametrize(("later", "selected", "expected"), CHANGES)
def test_comparison(later: Census, selected: tuple[str, ...], expected: dict[str, Any]) -> None:
    found = compare(BEFORE, later, selected)
    assert [change.name for change in found.lost] == expected["lost"]
    assert [change.name for change in found.disturbed] == expected["disturbed"]
    assert found.analysed_gained == expected["gain"]


def test_a_new_section_is_no_loss() -> None:
    later = {"sections": [*BEFORE["sections"], section(9, "Audiobooks", "artist", {"10": 2})]}
    (new,) = [change for change in compare(BEFORE, later).sections if change.state == "new"]
    assert (new.gained, new.lost, new.pending) == ({"10": 2}, {}, 2)


COUNTS = st.dictionaries(st.sampled_from(["1", "8", "9", "10", "18"]), st.integers(1, 50), max_size=5)
SECTION = st.builds(section, st.integers(1, 4), st.just("S"), st.just("artist"), COUNTS, st.integers(0, 50))
CENSUS = st.lists(SECTION, max_size=4, unique_by=lambda found: found["id"]).map(lambda found: {"sections": found})


@given(CENSUS)
def test_nothing_changes_against_itself(census: Census) -> None:
    found = compare(census, copy.deepcopy(census))
    assert (found.lost, found.disturbed, found.analysed_gained) == ([], [], 0)
    assert all(change.untouched for change in found.sections)


@given(CENSUS, CENSUS)
def test_what_is_gained_one_way_is_lost_the_other(one: Census, other: Census) -> None:
    there, back = compare(one, other), compare(other, one)
    assert there.analysed_gained == -back.analysed_gained
    for forth, again in zip(there.sections, back.sections, strict=True):
        assert forth.gained == {**again.lost, **again.regrouped}


@pytest.mark.parametrize(
    ("lost", "total", "expected"),
    [(0, 0, False), (20, 100, False), (21, 100, True), (100, 10_000, False), (101, 10_000, True)],
)
def test_the_limit_of_losses(lost: int, total: int, expected: bool) -> None:
    assert passes_limit(lost, total) is expected
