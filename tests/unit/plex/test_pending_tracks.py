"""What has no analysis is named by path, with what can be seen of the reason."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from module_utils.pending_tracks import (
    BROKEN,
    EMPTY,
    GONE,
    NO_VECTOR,
    SHORT,
    SHOWN,
    UNKNOWN,
    UNREADABLE,
    PendingTrack,
    local_path,
    pending_tracks,
    sentences,
)
from plugins.modules import plex_pending_tracks
from tests.unit.plex.conftest import BLOBS, LIBRARY, Databases, RunModule

MARKED = '{"ms:musicAnalysisVersion":"1"}'
PERCENT_MARKED = "ms%3AmusicAnalysisVersion=1"


@pytest.fixture
def library(databases: Databases) -> Databases:
    databases.run(
        LIBRARY,
        "ALTER TABLE metadata_items ADD COLUMN title TEXT",
        "ALTER TABLE media_items ADD COLUMN metadata_item_id INTEGER",
        "ALTER TABLE media_items ADD COLUMN duration INTEGER",
        "ALTER TABLE media_parts ADD COLUMN file TEXT",
    )
    return databases


def track(
    databases: Databases,
    key: int,
    file: str,
    *,
    marker: str = "",
    vector: bool = False,
    seconds: int | None = 200,
    section: int = 5,
) -> None:
    milliseconds = "NULL" if seconds is None else str(seconds * 1000)
    databases.run(
        LIBRARY,
        f"INSERT INTO metadata_items (id, library_section_id, metadata_type, extra_data, title)"
        f" VALUES ({key}, {section}, 10, '{marker}', 'Title {key}')",
        f"INSERT INTO media_items (id, library_section_id, metadata_item_id, duration)"
        f" VALUES ({key}, {section}, {key}, {milliseconds})",
        f"INSERT INTO media_parts (id, media_item_id, file) VALUES ({key}, {key}, '{file}')",
    )
    if vector:
        databases.run(BLOBS, f"INSERT INTO blobs VALUES ({key}, 'metadata_item', {key}, 7)")


def test_each_reason_is_told_apart(library: Databases, tmp_path: Path) -> None:
    music = tmp_path / "mnt" / "Music"
    music.mkdir(parents=True)
    for name, content in (("ok.flac", b"x"), ("empty.flac", b""), ("é ''.flac", b"x")):
        (music / name).write_bytes(content)
    (music / "folder.flac").mkdir()
    # Root can read it, the server cannot.
    (music / "closed.flac").write_bytes(b"x")
    (music / "closed.flac").chmod(0o600 if os.geteuid() != 1000 else 0)
    track(library, 1, "/media/Music/ok.flac", marker=MARKED, vector=True)
    track(library, 2, "/media/Music/ok.flac", marker=PERCENT_MARKED, vector=True)
    track(library, 3, "/media/Music/ok.flac", marker=MARKED)
    track(library, 4, "/media/Music/gone.flac")
    track(library, 5, "/media/Music/empty.flac")
    track(library, 6, "/media/Music/folder.flac")
    track(library, 7, "/media/Music/ok.flac", seconds=None)
    track(library, 8, "/media/Music/ok.flac", seconds=2)
    track(library, 9, "/media/Music/é ''''.flac")
    track(library, 10, "/media/Music/ok.flac", section=6)
    track(library, 11, "/media/Music/closed.flac")
    found = pending_tracks(str(library.directory), 5, {"/media": str(tmp_path / "mnt")})
    assert {entry.key: entry.reason for entry in found} == {
        3: NO_VECTOR,
        4: GONE,
        5: EMPTY,
        6: UNREADABLE,
        7: BROKEN,
        8: SHORT,
        9: UNKNOWN,
        11: UNREADABLE,
    }
    assert next(entry.path for entry in found if entry.key == 9) == "/media/Music/é ''.flac"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/media/library/a", "/b/a"),
        ("/media/libraryx/a", "/a/libraryx/a"),
        ("/media", "/a"),
        ("/mediax/a", "/mediax/a"),
        ("/else/a", "/else/a"),
    ],
)
def test_paths_map_on_boundaries_and_the_longest_root_wins(path: str, expected: str) -> None:
    assert local_path(path, {"/media": "/a", "/media/library": "/b"}) == expected


def test_the_sentences_count_and_name_the_first() -> None:
    tracks = [PendingTrack(n, f"T{n}", f"/m/{n}.flac", EMPTY) for n in range(SHOWN + 3)]
    told = sentences(tracks)
    assert told[0] == f"{SHOWN + 3} tracks have no analysis: {SHOWN + 3} because the file is empty"
    assert told[1] == "/m/0.flac: the file is empty"
    assert told[-1] == "and 3 more"
    assert sentences([]) == ["Every track is analysed."]


def test_the_module_writes_the_whole_list_once(library: Databases, tmp_path: Path, run_module: RunModule) -> None:
    odd = os.fsdecode(b"/media/Music/\xff.flac")
    track(library, 1, "/media/Music/a.flac")
    library.run(LIBRARY, "UPDATE media_parts SET file = CAST(x'2f6d656469612f4d757369632fff2e666c6163' AS TEXT)")
    dest = tmp_path / "pending.json"
    arguments = {"database_dir": str(library.directory), "section": 5, "dest": str(dest)}
    first = run_module(plex_pending_tracks, **arguments)
    assert (first["changed"], first["pending"]) == (True, 1)
    assert json.loads(dest.read_text())[0]["path"] == odd
    assert run_module(plex_pending_tracks, **arguments)["changed"] is False


def test_a_database_that_cannot_be_read_is_one_sentence(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module(plex_pending_tracks, database_dir=str(tmp_path), section=5)
    assert result["failed"]
    assert "does not exist" in result["msg"]
