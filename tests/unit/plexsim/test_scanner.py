"""The scanner's rules: what stat() says decides; the rest is bookkeeping."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.plexsim.plexsim import refresh, rows, schema, trash
from lab.plexsim.plexsim.scanner import Scan

SECTION = 5
ALBUMS = {"Abba/Arrival": ["1-01 My Love.mp3", "1-02 Dancing.mp3"], "Björk/Début": ["1-01 Human.flac"]}


@dataclass
class World:
    """A music directory and a library that knows its path."""

    root: Path
    library: sqlite3.Connection
    clock: int = 1_000

    def scan(self, folder: str = "", *, force: bool = False, section: int = SECTION) -> dict[str, int]:
        self.clock += 1_000
        path = str(self.root / folder) if folder else ""
        return Scan(self.library, section, force=force, folder=path, now=self.clock).run()

    def one(self, sql: str, *values: object) -> object:
        return self.library.execute(sql, values).fetchone()[0]

    def live(self, kind: int = rows.TRACK) -> list[str]:
        found = self.library.execute(
            "SELECT title FROM metadata_items WHERE metadata_type = ? AND deleted_at IS NULL ORDER BY title", (kind,)
        )
        return [row["title"] for row in found]

    def put(self, path: str, content: bytes = b"sound", mtime: int = 500) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (mtime, mtime))
        return file

    def touch(self, directory: str, mtime: int) -> None:
        os.utime(self.root / directory, (mtime, mtime))


@pytest.fixture
def world(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Iterator[World]:
    fresh_library(tmp_path / "databases")
    with closing(schema.connect(tmp_path / "databases" / schema.LIBRARY)) as library:
        world = World(tmp_path / "Music", library)
        for album, names in ALBUMS.items():
            for name in names:
                world.put(f"{album}/{name}")
        with schema.transaction(library):
            location = [str(world.root)]
            rows.add_section(library, name="Music", section_type=8, locations=location, now=1, section_id=SECTION)
        yield world


def test_first_scan_writes_the_tree(world: World) -> None:
    assert world.scan()["added"] == 3
    assert world.live(rows.ARTIST) == ["Abba", "Björk"]
    assert world.live(rows.ALBUM) == ["Arrival", "Début"]
    assert world.live() == ["Dancing", "Human", "My Love"]
    paths = [row["path"] for row in world.library.execute("SELECT path FROM directories ORDER BY path")]
    assert paths == ["", "Abba", "Abba/Arrival", "Björk", "Björk/Début"]
    assert world.one("SELECT count(*) FROM directories WHERE parent_directory_id IS NULL") == 1
    assert world.one("SELECT scanned_at FROM library_sections") == world.clock


def test_second_scan_skips_what_did_not_change(world: World) -> None:
    first = world.scan()
    second = world.scan()
    assert second == {"directories": 5, "skipped": 5, "added": 0, "updated": 0, "deleted": 0}
    assert first["skipped"] == 0


def test_unchanged_directory_hides_a_changed_file_from_an_ordinary_scan(world: World) -> None:
    world.scan()
    mtime = (world.root / "Abba/Arrival").stat().st_mtime
    world.put("Abba/Arrival/1-01 My Love.mp3", b"longer sound", 900)
    os.utime(world.root / "Abba/Arrival", (mtime, mtime))
    size = "SELECT size FROM media_parts WHERE file LIKE '%My Love%'"
    assert (world.scan()["updated"], world.one(size)) == (0, 5)
    assert (world.scan(force=True)["updated"], world.one(size)) == (3, 12)


def test_new_album_is_found_where_the_directory_changed(world: World) -> None:
    world.scan()
    world.put("Abba/Waterloo/1-01 Hasta.mp3")
    world.touch("Abba", 99_999)
    counts = world.scan()
    assert (counts["added"], world.one("SELECT count(*) FROM metadata_items WHERE metadata_type = 8")) == (1, 2)


def test_a_scan_of_a_folder_sees_nothing_else(world: World) -> None:
    assert world.scan("Abba") == {"directories": 2, "skipped": 0, "added": 2, "updated": 0, "deleted": 0}
    paths = [row["path"] for row in world.library.execute("SELECT path FROM directories ORDER BY path")]
    assert paths == ["", "Abba", "Abba/Arrival"]
    assert world.one("SELECT updated_at FROM directories WHERE path = ''") is None  # the next whole scan looks into it
    world.scan()
    for album in ALBUMS:
        shutil.rmtree(world.root / album)
    assert world.scan("Abba")["deleted"] == 2
    assert world.live() == ["Human"]
    assert world.scan("Björk/Début")["deleted"] == 1  # a folder that is gone itself


@pytest.mark.parametrize("folder", ["Abb", "Nobody/Nothing", "../Movies"])
def test_a_folder_that_is_not_there_or_elsewhere_changes_nothing(world: World, folder: str) -> None:
    world.put("../Movies/Elsewhere/1-01 Sound.mp3")
    world.scan()
    before = world.library.execute("SELECT * FROM directories").fetchall()
    assert not any(world.scan(folder)[what] for what in ("added", "updated", "deleted"))
    assert world.library.execute("SELECT * FROM directories").fetchall() == before
    assert len(world.live()) == 3


def test_two_sections_on_one_directory_have_rows_of_their_own(world: World) -> None:
    with schema.transaction(world.library):
        rows.add_section(
            world.library, name="Again", section_type=8, locations=[str(world.root)], now=1, section_id=SECTION + 1
        )
    assert [world.scan(section=section)["added"] for section in (SECTION, SECTION + 1)] == [3, 3]
    assert world.one("SELECT count(*) FROM media_parts") == 6
    shutil.rmtree(world.root / "Abba/Arrival")
    assert world.scan(section=SECTION + 1)["deleted"] == 2
    assert (
        world.one("SELECT count(*) FROM media_items WHERE deleted_at IS NULL AND library_section_id = ?", SECTION) == 3
    )


def test_metadata_is_refreshed_only_below_a_scanned_folder(world: World) -> None:
    world.scan()
    folder = str(world.root / "Björk")
    assert [item.title for item in refresh.wanted(world.library, SECTION, force=True, folder=folder)] == ["Björk"]
    assert len(refresh.wanted(world.library, SECTION, force=True)) == 2


@pytest.mark.parametrize("gone", ["Abba/Arrival/1-01 My Love.mp3", "Abba/Arrival", "Abba"])
def test_what_cannot_be_stated_is_marked_and_kept(world: World, gone: str) -> None:
    world.scan()
    path = world.root / gone
    path.unlink() if path.is_file() else shutil.rmtree(path)
    for directory in {path.parent, world.root}:
        os.utime(directory, (77_777, 77_777))
    lost = 1 if gone.endswith(".mp3") else 2
    assert world.scan()["deleted"] == lost
    assert len(world.live()) == 3 - lost
    assert world.one("SELECT count(*) FROM metadata_items WHERE metadata_type = 10") == 3
    for table in ("media_parts", "media_items"):
        assert world.one(f"SELECT count(*) FROM {table} WHERE deleted_at = ?", world.clock) == lost
    gone_directories = {"Abba": 2, "Abba/Arrival": 1}.get(gone, 0)
    assert world.one("SELECT count(*) FROM directories WHERE deleted_at = ?", world.clock) == gone_directories
    assert world.live(rows.ARTIST) == ["Abba", "Björk"]  # parents stay as shells


def test_a_file_that_is_there_but_cannot_be_read_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.scan()
    directory = world.root / "Abba/Arrival"
    monkeypatch.setattr(os, "scandir", refuse(os.scandir, directory))
    os.utime(directory, (88_888, 88_888))
    assert world.scan()["deleted"] == 0
    assert len(world.live()) == 3


def refuse(real: object, directory: Path) -> object:
    def scandir(path: str | Path) -> object:
        if Path(path) == directory:
            raise PermissionError(13, "Permission denied")
        assert callable(real)
        return real(path)

    return scandir


def test_unreachable_root_deletes_nothing(world: World) -> None:
    world.scan()
    world.root.rename(world.root.with_name("elsewhere"))
    assert world.scan(force=True)["deleted"] == 0
    assert len(world.live()) == 3
    assert world.one("SELECT available FROM section_locations") == 0


def test_empty_root_loses_everything(world: World) -> None:
    world.scan()
    shutil.rmtree(world.root)
    world.root.mkdir()
    assert world.scan()["deleted"] == 3
    assert world.live() == []


def test_restored_file_comes_back_with_its_item(world: World) -> None:
    world.scan()
    item = world.one("SELECT id FROM metadata_items WHERE title = 'Human'")
    file = world.root / "Björk/Début/1-01 Human.flac"
    file.rename(world.root / "kept")
    world.touch("Björk/Début", 77_777)
    world.scan()
    assert "Human" not in world.live()
    (world.root / "kept").rename(file)
    world.touch("Björk/Début", 88_888)
    world.scan()
    assert "Human" in world.live()
    assert world.one("SELECT id FROM metadata_items WHERE title = 'Human'") == item


def test_emptying_the_trash_removes_rows_for_good(world: World) -> None:
    world.scan()
    shutil.rmtree(world.root / "Abba")
    world.touch("", 77_777)
    world.scan()
    with schema.transaction(world.library):
        assert trash.empty(world.library, SECTION) == 2
    assert world.one("SELECT count(*) FROM metadata_items WHERE metadata_type = 10") == 1
    assert world.one("SELECT count(*) FROM media_parts") == 1
    assert world.one("SELECT count(*) FROM directories") == 3
    assert world.live(rows.ALBUM) == ["Arrival", "Début"]


def test_remapped_paths_are_recognised_under_a_renamed_directory(world: World) -> None:
    world.scan()
    before = world.one("SELECT group_concat(id) FROM metadata_items")
    (world.root / "Abba").rename(world.root / "ABBA (Sweden)")
    world.library.execute("UPDATE media_parts SET file = replace(file, '/Abba/', '/ABBA (Sweden)/')")
    world.touch("", 77_777)
    counts = world.scan()
    assert (counts["added"], counts["updated"], counts["deleted"]) == (0, 2, 0)
    assert world.one("SELECT group_concat(id) FROM metadata_items") == before
    assert len(world.live()) == 3


def test_counter_grows_with_every_change(world: World) -> None:
    world.scan()
    before = world.one("SELECT max(changed_at) FROM metadata_items")
    world.put("Björk/Début/1-02 Crying.flac")
    world.touch("Björk/Début", 77_777)
    world.scan()
    added = world.one("SELECT changed_at FROM metadata_items WHERE title = 'Crying'")
    assert isinstance(added, int)
    assert isinstance(before, int)
    assert added > before


def test_metadata_refresh_takes_new_items_only_unless_forced(world: World) -> None:
    world.scan()
    waiting = refresh.wanted(world.library, SECTION, force=False)
    assert [item.title for item in waiting] == ["Abba", "Björk"]
    for item in waiting:
        refresh.refresh(world.library, item, 7)
    assert refresh.wanted(world.library, SECTION, force=False) == []
    assert len(refresh.wanted(world.library, SECTION, force=True)) == 2
    assert world.one("SELECT count(*) FROM metadata_items WHERE refreshed_at = 7") == 7
