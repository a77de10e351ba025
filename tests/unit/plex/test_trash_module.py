"""The module over a look-alike database, and a server that says what the test wants."""

from __future__ import annotations

import functools
import sqlite3
import typing as t
from pathlib import Path

import pytest

from plugins.modules import plex_trash
from tests.unit.database.builder import Builder
from tests.unit.plex.conftest import FakePlex, RunModule

DONE = [{"section": 1, "verdict": "done"}]


class Library:
    """A library of films in a database, and what the server says of their files."""

    def __init__(self, builder: Builder, plex: FakePlex) -> None:
        self.builder, self.plex = builder, plex
        self.section = builder.movies(count=6)
        self.refreshing(False)
        self.run("SELECT 1")

    def run(self, statement: str) -> list[tuple[t.Any, ...]]:
        found = self.builder.library.execute(statement).fetchall()
        self.builder.library.commit()
        return found

    def refreshing(self, on: bool) -> None:
        entry = {"key": str(self.section), "title": "Movies", "type": "movie", "refreshing": on}
        self.plex.container("GET", "/library/sections", Directory=[entry])

    def films(self) -> list[tuple[int, int]]:
        """The items with their parts, in order."""
        return self.run("SELECT metadata_item_id, p.id FROM media_items m JOIN media_parts p ON p.media_item_id = m.id")

    def mark(self, *films: tuple[int, int]) -> None:
        for item, part in films:
            self.run(f"UPDATE metadata_items SET deleted_at = 1700000000 WHERE id = {item}")
            self.run(f"UPDATE media_parts SET deleted_at = 1700000000 WHERE id = {part}")

    def says(self, film: tuple[int, int], **facts: bool) -> None:
        part = {"id": film[1], "file": f"/m/{film[0]}.mkv", **facts}
        self.plex.container("GET", f"/library/metadata/{film[0]}", Metadata=[{"Media": [{"Part": [part]}]}])

    def remove(self, *films: tuple[int, int]) -> None:
        for item, part in films:
            self.run(f"DELETE FROM metadata_items WHERE id = {item}")
            self.run(f"DELETE FROM media_parts WHERE id = {part}")


@pytest.fixture
def library(plex: FakePlex, tmp_path: Path) -> t.Iterator[Library]:
    library = Library(Builder(tmp_path / "Databases"), plex)
    films = library.films()
    library.mark(*films[:2])
    for film in films:
        there = film not in films[:2]
        library.says(film, exists=there, accessible=there)
    plex.answer("PUT", "/library/sections/1/emptyTrash", "")
    yield library
    library.builder.library.close()
    library.builder.blobs.close()


@pytest.fixture
def call(library: Library, config: Path, run_module: RunModule, tmp_path: Path) -> RunModule:
    return functools.partial(
        run_module,
        plex_trash,
        url=library.plex.url,
        config=str(config),
        directory=str(tmp_path / "Databases"),
        record=str(tmp_path / "trash.json"),
        section=library.section,
        title="Movies",
        scans=DONE,
    )


def orders(library: Library) -> list[str]:
    return [path for method, path, _, _ in library.plex.asked if method == "PUT"]


def test_a_trash_whose_files_are_gone_may_be_emptied(library: Library, call: RunModule) -> None:
    found = call()
    assert (found["verdict"], found["changed"], found["asked"]) == ("may_be_emptied", False, False)
    assert found["result"] == {
        "section": 1,
        "title": "Movies",
        "items": 0,
        "verdict": "may_be_emptied",
        "message": found["message"],
    }
    looked = [(path, query) for _, path, query, _ in library.plex.asked if "metadata" in path]
    assert len(looked) == 6
    assert {query["checkFiles"] for _, query in looked} == {"1"}
    assert orders(library) == []


def test_it_asks_about_no_more_than_a_sample(library: Library, call: RunModule) -> None:
    assert call(sample_size=1)["verdict"] == "may_be_emptied"
    assert len([path for _, path, _, _ in library.plex.asked if "metadata" in path]) == 2


def test_it_is_emptied_and_what_went_is_compared(library: Library, call: RunModule, tmp_path: Path) -> None:
    emptied = call(state="emptied")
    assert (emptied["asked"], emptied["changed"], emptied["finished"]) == (True, True, False)
    assert orders(library) == ["/library/sections/1/emptyTrash"]
    assert not call(state="compared")["finished"]
    library.remove(*library.films()[:2])
    library.refreshing(True)
    assert not call(state="compared")["finished"]
    library.refreshing(False)
    compared = call(state="compared", backup="/runs/1/checkpoints/now")
    assert (compared["verdict"], compared["finished"], compared["changed"]) == ("emptied", True, False)
    assert compared["message"].endswith("and nothing else; the databases from before are in /runs/1/checkpoints/now")
    assert call()["verdict"] == "nothing"


def test_a_live_row_that_went_along_is_told_at_once(library: Library, call: RunModule) -> None:
    call(state="emptied")
    library.remove(*library.films()[:3])
    compared = call(state="compared")
    assert (compared["verdict"], compared["finished"]) == ("failed", True)
    assert "removed 1 items and 1 files that were not in it" in compared["message"]


def test_check_mode_says_so_and_does_nothing(library: Library, call: RunModule, tmp_path: Path) -> None:
    found = call(state="emptied", check_mode=True)
    assert (found["changed"], found["asked"], orders(library)) == (True, False, [])
    assert not (tmp_path / "trash.json").exists()


def back(library: Library) -> None:
    library.says(library.films()[1], exists=True, accessible=True)


def unsaid(library: Library) -> None:
    library.says(library.films()[1])


def left_out(library: Library) -> None:
    library.plex.container("GET", f"/library/metadata/{library.films()[1][0]}", Metadata=[{"Media": []}])


def blind(library: Library) -> None:
    library.says(library.films()[4], exists=False, accessible=False)


def silent(library: Library) -> None:
    library.plex.answer("GET", f"/library/metadata/{library.films()[1][0]}", "", 500)


KEPT: list[tuple[t.Callable[[Library], None], str]] = [
    (back, "the server sees 1 of 2 files in it"),
    (unsaid, "does not say whether 1 of 6 files are there"),
    (left_out, "does not say whether 1 of 6 files are there"),
    (blind, "cannot read 1 of 4 files that are not in the trash"),
    (silent, "The media server did not answer GET /library/metadata/"),
    (lambda library: library.refreshing(True), "it is being scanned"),
    (lambda library: library.plex.answer("GET", "/library/sections", "", 503), "did not answer GET /library/sections"),
]


@pytest.mark.parametrize("state", ["checked", "emptied"])
@pytest.mark.parametrize(("trouble", "words"), KEPT)
def test_what_stands_in_the_way_keeps_it(
    library: Library, call: RunModule, trouble: t.Callable[[Library], None], words: str, state: str
) -> None:
    """Also in the moment before: what was true when it was checked may be so no more."""
    trouble(library)
    found = call(state=state)
    assert (found["verdict"], found["asked"], words in found["message"]) == ("kept", False, True), found["message"]
    assert orders(library) == []


def test_doubts_from_outside_keep_it_and_nobody_is_asked(library: Library, call: RunModule) -> None:
    assert "because the mount hangs" in call(doubts=["the mount hangs"])["message"]
    assert "because its scan ended partial" in call(scans=[{"section": 1, "verdict": "partial"}])["message"]
    assert not [path for _, path, _, _ in library.plex.asked if "metadata" in path]


def test_a_server_that_refuses_keeps_it_and_one_that_breaks_off_may_have_begun(
    library: Library, call: RunModule
) -> None:
    library.plex.answer("PUT", "/library/sections/1/emptyTrash", "<h1>403 Forbidden</h1>", 403)
    found = call(state="emptied")
    assert (found["verdict"], found["asked"], "403 Forbidden" in found["message"]) == ("kept", False, True)
    library.plex.answer("PUT", "/library/sections/1/emptyTrash", "", 500)
    assert call(state="emptied")["asked"]


def test_what_cannot_be_read_afterwards_is_no_good_end(library: Library, call: RunModule, tmp_path: Path) -> None:
    call(state="emptied")
    library.plex.answer("GET", "/library/sections", "", 503)
    compared = call(state="compared")
    assert (compared["verdict"], compared["finished"]) == ("failed", False)
    (tmp_path / "trash.json").unlink()
    compared = call(state="compared")
    assert (compared["verdict"], compared["finished"]) == ("failed", True)


def test_a_database_that_is_locked_keeps_it(library: Library, call: RunModule, tmp_path: Path) -> None:
    # Readers of a write-ahead log are never shut out, those of a plain database are.
    library.builder.library.execute("PRAGMA journal_mode = DELETE")
    with sqlite3.connect(tmp_path / "Databases/com.plexapp.plugins.library.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        found = call(timeout=0.1)
    other.close()
    assert (found["verdict"], "is locked by another process" in found["message"]) == ("kept", True)
