"""plex_db_remap over both kinds of databases: what it changes, what it refuses, what it leaves behind."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.integrity import check
from plugins.module_utils import remap as remap_room
from plugins.module_utils import remap_changes
from plugins.modules import plex_db_remap
from tests.unit.database.builder import LIBRARY, Builder, execute, query

Run = Callable[..., dict[str, Any]]
HOME = {"/volume1/Media": "/media/library"}
RENAMED = {**HOME, "/volume1/Media/Music/Artist 1": "/media/library/Music/Artist One"}


def schema(directory: Path) -> list[Any]:
    return query(directory / LIBRARY, "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2")


def dump(directory: Path, *tables: str) -> list[Any]:
    chosen = tables or ("section_locations", "media_parts", "directories", "media_streams")
    return [query(directory / LIBRARY, f"SELECT * FROM {table} ORDER BY id") for table in chosen]


def test_all_paths_move_and_nothing_else(remapped: Run, pair: Path) -> None:
    before = schema(pair)
    result = remapped(pair, HOME)
    assert result["changed"]
    assert result["counts"]["media_parts"] == 15
    assert result["counts"]["section_locations"] == 2
    assert result["census_before"] == result["census_after"] != {}
    assert query(pair / LIBRARY, "SELECT count(*) FROM media_parts WHERE file LIKE '/media/library/%'") == [(15,)]
    assert query(pair / LIBRARY, "SELECT root_path FROM section_locations ORDER BY 1") == [
        ("/media/library/Movies",),
        ("/media/library/Music",),
    ]
    assert schema(pair) == before
    assert check(pair).problems == []


def test_the_backup_is_the_library_as_it_was(remapped: Run, pair: Path) -> None:
    before = dump(pair)
    backup = Path(remapped(pair, HOME)["backup"])
    assert backup.stat().st_mode & 0o777 == 0o600
    assert not list(backup.parent.glob("*-wal"))
    tables = ("section_locations", "media_parts", "directories", "media_streams")
    assert [query(backup, f"SELECT * FROM {table} ORDER BY id") for table in tables] == before


def test_what_is_only_in_the_log_of_a_killed_server_is_in_both(remapped: Run, pair: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as server:
        server.execute("INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")
        server.commit()
        killed = Path(shutil.copytree(pair, tmp_path / "killed"))
    assert (killed / f"{LIBRARY}-wal").stat().st_size
    backup = Path(remapped(killed, HOME)["backup"])
    assert sorted(path.name for path in killed.iterdir() if path.name.startswith(LIBRARY)) == [LIBRARY]
    for library in (backup, killed / LIBRARY):
        assert query(library, "SELECT name FROM library_sections") == [("Movies",), ("Music",), ("Late",)]
    assert check(killed).problems == []


def test_a_library_that_somebody_only_has_open_is_left_alone(
    remapped: Run, pair: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An idle server would go on writing to what has become the backup.
    monkeypatch.setattr(remap_room, "PATIENCE", 0.1)
    before = dump(pair)
    with closing(sqlite3.connect(pair / LIBRARY)) as idle:
        idle.execute("SELECT count(*) FROM media_parts").fetchall()
        result = remapped(pair, HOME)
    assert (result["failed"], result["locked"]) == (True, True)
    assert dump(pair) == before


@pytest.mark.parametrize(
    "rules", [HOME, {"/volume1/Media/Music": "/volume1/Media/Movies", "/volume1/Media/Movies": "/x"}]
)
def test_a_second_run_finds_nothing_to_do_while_the_server_runs(remapped: Run, pair: Path, rules: Any) -> None:
    remapped(pair, rules)
    after = dump(pair)
    with closing(sqlite3.connect(pair / LIBRARY)) as server:
        server.execute("SELECT count(*) FROM media_parts").fetchall()
        second = remapped(pair, rules)
    assert (second["changed"], second["backup"]) == (False, "")
    assert dump(pair) == after


def test_a_second_run_changes_nothing(remapped: Run, pair: Path, tmp_path: Path) -> None:
    remapped(pair, RENAMED)
    after = dump(pair)
    second = remapped(pair, RENAMED)
    assert (second["changed"], second["backup"]) == (False, "")
    assert len(second["unused"]) == 2
    assert len(list((tmp_path / "backups").iterdir())) == 1
    assert dump(pair) == after


def test_check_mode_says_the_same_and_changes_nothing(remapped: Run, pair: Path, tmp_path: Path) -> None:
    before = dump(pair)
    told = remapped(pair, RENAMED, check_mode=True)
    assert (told["changed"], told["backup"], dump(pair)) == (True, "", before)
    assert not (tmp_path / "backups").exists()
    done = remapped(pair, RENAMED)
    assert (done["counts"], done["samples"]) == (told["counts"], told["samples"])
    sample = {"table": "section_locations", "before": "/volume1/Media/Movies", "after": "/media/library/Movies"}
    assert sample in told["samples"]


def test_a_renamed_directory_is_renamed_with_all_below_it(remapped: Run, pair: Path) -> None:
    names = "SELECT id, parent_directory_id, path FROM directories ORDER BY id"
    before = query(pair / LIBRARY, names)
    result = remapped(pair, RENAMED)
    assert result["counts"]["directories"] == 3
    expected = [(key, above, path.replace("Artist 1", "Artist One")) for key, above, path in before]
    assert query(pair / LIBRARY, names) == expected
    # The test of it all: every file lies where its directory's row says it does.
    assert misplaced(pair) == []


def misplaced(directory: Path) -> list[Any]:
    return query(
        directory / LIBRARY,
        """SELECT file, root_path, path FROM media_parts
           JOIN directories ON directories.id = directory_id
           JOIN section_locations USING (library_section_id)
           WHERE substr(file, 1, length(root_path) + length(path) + 1 + (path <> ''))
                 IS NOT root_path || '/' || path || iif(path = '', '', '/')""",
    )


def test_a_directory_moved_deeper_hangs_below_a_new_one(remapped: Run, pair: Path) -> None:
    rules = {**HOME, "/volume1/Media/Music/Artist 1": "/media/library/Music/Archive/90s/Artist 1"}
    remapped(pair, rules)
    assert misplaced(pair) == []
    rows = query(pair / LIBRARY, "SELECT path, parent_directory_id, id FROM directories WHERE library_section_id = 2")
    ids = {path: key for path, _, key in rows}
    for path, parent, _ in rows:
        if path:
            assert parent == ids[path.rpartition("/")[0]]
    assert "Archive" in ids
    assert remapped(pair, rules)["changed"] is False


def test_a_section_with_two_locations(remapped: Run, tmp_path: Path) -> None:
    builder = Builder(tmp_path / "Databases")
    section = builder.section("Music", 8, "/a", "/b")
    for root in ("/b", "/a"):
        top = builder.directory_row(section, None, "")
        folder = builder.directory_row(section, top, "X")
        builder.part(section, builder.item(section, 10, f"t{root}"), folder, f"{root}/X/1.flac")
    directory = builder.finish()
    remapped(directory, {"/a": "/m/a", "/b": "/m/b", "/b/X": "/m/b/Y"})
    rows = query(
        directory / LIBRARY, "SELECT path, file FROM media_parts JOIN directories ON directories.id=directory_id"
    )
    assert sorted(rows) == [("X", "/m/a/X/1.flac"), ("Y", "/m/b/Y/1.flac")]


@pytest.mark.parametrize("rules", [{"/a": "/b", "/b": "/a"}, {"/a": "/b", "/b": "/c"}, {"/a": "/a/deeper", "/b": "/c"}])
def test_swaps_and_chains_are_applied_once(remapped: Run, tmp_path: Path, rules: dict[str, str]) -> None:
    builder = Builder(tmp_path / "Databases")
    for root in ("/a", "/b"):
        section = builder.section(root, 1, root)
        top = builder.directory_row(section, None, "")
        builder.part(section, builder.item(section, 1, root), top, f"{root}/x.mkv")
    directory = builder.finish()
    expected = [(f"{rules['/a']}/x.mkv",), (f"{rules['/b']}/x.mkv",)]
    assert remapped(directory, rules)["changed"]
    files = "SELECT file FROM media_parts ORDER BY id"
    assert query(directory / LIBRARY, files) == expected
    assert not remapped(directory, rules)["changed"]
    assert query(directory / LIBRARY, files) == expected


NASTY = [
    "100%",
    "under_score",
    "it's",
    'say "x"',
    "new\nline",
    "Björk",
    "坂本龍一",
    "\\back",
    "a;DROP TABLE x",
    " lead",
]


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names(remapped: Run, tmp_path: Path, name: str) -> None:
    builder = Builder(tmp_path / "Databases")
    section = builder.section("Music", 8, f"/old/{name}")
    top = builder.directory_row(section, None, "")
    builder.part(section, builder.item(section, 10, name), top, f"/old/{name}/{name}.flac")
    builder.part(section, builder.item(section, 10, name * 2), top, f"/old/{name}X/other.flac")
    directory = builder.finish()
    remapped(directory, {f"/old/{name}": f"/new/{name}"})
    assert query(directory / LIBRARY, "SELECT file FROM media_parts ORDER BY id") == [
        (f"/new/{name}/{name}.flac",),
        (f"/old/{name}X/other.flac",),
    ]


def test_a_name_that_is_not_utf8_keeps_its_bytes(remapped: Run, tmp_path: Path) -> None:
    builder = Builder(tmp_path / "Databases")
    section = builder.section("Music", 8, "/old")
    top = builder.directory_row(section, None, "")
    builder.part(section, builder.item(section, 10, "x"), top, b"/old/caf\xe9/\xff.flac")
    directory = builder.finish()
    remapped(directory, {"/old": "/new"})
    found = query(directory / LIBRARY, "SELECT CAST(file AS BLOB), typeof(file) FROM media_parts")
    assert found == [(b"/new/caf\xe9/\xff.flac", "text")]


def test_urls_of_streams_and_guids_with_their_watch_states(remapped: Run, tmp_path: Path) -> None:
    builder = Builder(tmp_path / "Databases", root="/volume1/Media")
    section = builder.movies(2)
    guid = "file:///volume1/Media/Movies/Movie%200%20(2001).mkv"
    builder.library.execute("UPDATE metadata_items SET guid = ? WHERE title = 'Movie 0'", (guid,))
    builder.insert("media_streams", stream_type_id=3, url="file:///volume1/Media/Movies/Movie%200.srt")
    builder.insert("media_streams", stream_type_id=3, url="blob://1")
    for table in ("metadata_item_settings", "metadata_item_views"):
        builder.insert(table, account_id=1, guid=guid)
        builder.insert(table, account_id=1, guid="plex://movie/1")
    directory = builder.finish()
    before = schema(directory)
    with pytest.raises(sqlite3.OperationalError):  # the trap is real: this is what writing a guid meets
        execute(directory / LIBRARY, "UPDATE metadata_items SET guid = guid")
    result = remapped(directory, HOME)
    moved = guid.replace("/volume1/Media", "/media/library")
    assert result["counts"]["metadata_items"] == result["counts"]["metadata_item_settings"] == 1
    for table in ("metadata_items", "metadata_item_settings", "metadata_item_views"):
        assert query(directory / LIBRARY, f"SELECT count(*) FROM {table} WHERE guid = ?", moved) == [(1,)]
    assert query(directory / LIBRARY, "SELECT url FROM media_streams ORDER BY id") == [
        ("file:///media/library/Movies/Movie%200.srt",),
        ("blob://1",),
    ]
    assert schema(directory) == before
    assert check(directory).problems == []
    assert section == 1


def test_indexes_of_a_large_library_are_rebuilt(remapped: Run, pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remap_changes, "REBUILD_FROM", 1)
    before = schema(pair)
    remapped(pair, HOME)
    assert schema(pair) == before
    assert check(pair).problems == []


REFUSED = [
    ({"/volume1/Media": "/m", "/volume1/Typo": "/m/x"}, 'The rule "/volume1/Typo -> /m/x" maps nothing'),
    ({"/nowhere": "/m"}, 'The rule "/nowhere -> /m" maps nothing'),
    (
        {**HOME, "/volume1/Media/Music/Artist 0": "/media/library/Movies/Artist 0"},
        "out of its section",
    ),
    (
        {**HOME, "/volume1/Media/Music/Artist 0": "/media/library/Music/Artist 1"},
        "onto one",
    ),
    (
        {**HOME, "/volume1/Media/Movies/Movie 0 (2001).mkv": "/media/library/Movies/Movie 1 (2001).mkv"},
        "media_parts onto one (/media/library/Movies/Movie 1 (2001).mkv)",
    ),
    ({"/volume1/Media/Movies": "/m", "/volume1/Media/Music": "/m"}, "section_locations onto one (/m)"),
    ("[", "is not JSON"),
]


@pytest.mark.parametrize(("rules", "words"), REFUSED)
def test_refusals_change_nothing(remapped: Run, pair: Path, rules: Any, words: str) -> None:
    before = dump(pair), schema(pair)
    result = remapped(pair, rules)
    assert result["failed"]
    assert words in result["msg"]
    assert (dump(pair), schema(pair)) == before


def test_directories_whose_files_differ_are_not_merged(remapped: Run, pair: Path) -> None:
    execute(
        pair / LIBRARY, "UPDATE media_parts SET file = replace(file, ' Track', ' Other') WHERE file LIKE '%Artist 0%'"
    )
    rules = {**HOME, "/volume1/Media/Music/Artist 0": "/media/library/Music/Artist 1"}
    before = dump(pair)
    assert 'The rules move two directories onto one: "Artist 1' in remapped(pair, rules)["msg"]
    assert dump(pair) == before


def test_a_missing_mappings_file(run: Run, pair: Path) -> None:
    result = run(plex_db_remap, directory=pair, mappings=pair / "none.json")
    assert result["msg"] == f"The mappings file {pair}/none.json does not exist."


def test_a_change_of_the_census_is_rolled_back(remapped: Run, pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([{"sections": [1]}, {"sections": [2]}])
    for room in (remap_room, remap_changes):
        monkeypatch.setattr(room, "count_rows", lambda _: next(counts))
    before = dump(pair)
    assert "nothing was changed" in remapped(pair, HOME)["msg"]
    assert dump(pair) == before


def test_a_locked_library_is_a_state(remapped: Run, pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remap_room, "PATIENCE", 0.1)
    with closing(sqlite3.connect(pair / LIBRARY)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        result = remapped(pair, HOME)
    assert (result["failed"], result["locked"]) == (True, True)


def test_no_room_for_the_backup(remapped: Run, pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 10})())
    before = dump(pair)
    assert "are free" in remapped(pair, HOME)["msg"]
    assert dump(pair) == before


def test_the_real_pair(remapped: Run, real_pair: Path) -> None:
    before = schema(real_pair)
    rules = {"/data": "/media/library", "/data/TV-Shows/The 100": "/media/library/TV-Shows/The Hundred"}
    result = remapped(real_pair, rules)
    assert result["counts"] == {
        "section_locations": 4,
        "media_parts": 63,
        "media_streams": 0,
        "metadata_items": 0,
        "metadata_item_settings": 0,
        "metadata_item_views": 0,
        "directories": 1,
    }
    assert misplaced(real_pair) == []
    assert schema(real_pair) == before
    assert check(real_pair).problems == []
    assert remapped(real_pair, rules)["changed"] is False


def test_guids_in_the_real_pair(remapped: Run, real_pair: Path) -> None:
    with closing(sqlite3.connect(real_pair / LIBRARY)) as connection:
        triggers = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'metadata_items'"
        ).fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(
            "UPDATE metadata_items SET guid = 'file:///data/Movies/x.mkv'"
            " WHERE id = (SELECT min(id) FROM metadata_items)"
        )
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()
    before = sorted(schema(real_pair))
    assert remapped(real_pair, {"/data": "/media/library"})["counts"]["metadata_items"] == 1
    assert sorted(schema(real_pair)) == before
    assert query(real_pair / LIBRARY, "SELECT guid FROM metadata_items ORDER BY id LIMIT 1") == [
        ("file:///media/library/Movies/x.mkv",)
    ]
