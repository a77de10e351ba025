"""The files in the bucket are real: their tags are read back by a library that did not write them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lab.media import collection, home
from lab.plexsim.plexsim import facts, schema
from module_utils.plex_sqlite import full_check

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def made(collection: Path) -> Path:
    return collection


@pytest.mark.parametrize("track", collection.load().tracks, ids=lambda track: track.path)
def test_tags_of_a_track(made: Path, track: collection.Track) -> None:
    path = made / "media" / track.path
    found = facts.read(path)
    assert (found.title, found.track_artist, found.artist) == (track.title, track.artist, track.album_artist)
    assert (found.album, found.track, found.disc) == (track.album, track.track, track.disc)
    assert (found.year, found.genre) == (track.year, track.genre)
    assert found.codec == {"m4a": "aac"}.get(track.format, track.format)
    assert found.duration is not None
    assert 1_900 < found.duration < 6_100
    assert int(path.stat().st_mtime) == track.mtime


@pytest.mark.parametrize("movie", collection.load().movies, ids=lambda movie: movie.title)
def test_facts_of_a_movie(made: Path, movie: collection.Movie) -> None:
    found = facts.read(made / "media" / movie.path)
    assert (found.title, found.year) == (movie.title, movie.year)
    assert (found.video_codec, found.codec, found.width, found.height) == ("h264", "aac", 160, 90)
    assert found.duration is not None
    assert 2_900 < found.duration < 3_100


def test_files_differ(made: Path) -> None:
    contents = [path.read_bytes() for path in (made / "media").rglob("*") if path.is_file()]
    assert len(contents) == len(set(contents))


def test_second_run_makes_nothing_and_the_same_archive(
    made: Path, make_media: Callable[[Path, Path], str], tmp_path: Path
) -> None:
    archive = made / "home" / home.ARCHIVE
    before = archive.read_bytes()
    assert "(0 made)" in make_media(made / "media", made / "home")
    assert archive.read_bytes() == before
    copy = shutil.copytree(made / "media", tmp_path / "media")
    victim = collection.load().tracks[0].path
    (copy / victim).unlink()
    shutil.copytree(made / "home", tmp_path / "home")
    assert "(1 made)" in make_media(copy, tmp_path / "home")
    assert (copy / victim).read_bytes() == (made / "media" / victim).read_bytes()


def test_home_library_is_an_older_state_and_sound(made: Path, image: str, tmp_path: Path) -> None:
    shutil.unpack_archive(made / "home" / home.ARCHIVE, tmp_path, filter="data")
    databases = tmp_path / schema.DATABASES
    assert sorted(path.name for path in databases.iterdir()) == sorted([schema.LIBRARY, schema.BLOBS])
    checked = full_check(databases, image)
    assert (checked.state, checked.problems, checked.warnings) == ("ok", [], [])
    known = [track for track in collection.load().tracks if track.known]
    with closing(sqlite3.connect(f"file:{databases / schema.LIBRARY}?mode=ro", uri=True)) as library:
        assert library.execute("SELECT id, name FROM library_sections").fetchall() == [(1, "Movies"), (5, "Music")]
        files = {file for (file,) in library.execute("SELECT file FROM media_parts WHERE file LIKE '%/Music/%'")}
        assert files == {f"{home.HOME_ROOT}/{track.home_path}" for track in known}
        texts = [
            text
            for (text,) in library.execute(
                "SELECT extra_data FROM metadata_items WHERE library_section_id = 5 AND metadata_type = 10"
            )
        ]
    analysed = [text for text in texts if "musicAnalysisVersion" in text]
    assert 0.2 < len(analysed) / len(known) < 0.3
    assert {text[0] for text in analysed} == {"{", "m"}  # JSON and the old encoding
    with closing(sqlite3.connect(f"file:{databases / schema.BLOBS}?mode=ro", uri=True)) as blobs:
        assert blobs.execute("SELECT count(*) FROM blobs WHERE blob_type = 7").fetchone() == (len(analysed),)


def test_mappings_lead_every_home_path_to_a_file_of_the_bucket(made: Path) -> None:
    mappings = json.loads((made / "home" / home.MAPPINGS).read_text())["mappings"]
    for track in collection.load().tracks:
        old = f"{home.HOME_ROOT}/{track.home_path}"
        prefix = max((key for key in mappings if old.startswith(f"{key}/")), key=len)
        new = mappings[prefix] + old.removeprefix(prefix)
        assert new == f"{home.TARGET_ROOT}/{track.path}"
        assert (made / "media" / track.path).is_file()
