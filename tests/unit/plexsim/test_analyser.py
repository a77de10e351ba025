from __future__ import annotations

import gzip
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import analyser, extra_data, rows, schema, section_preferences, worker
from lab.plexsim.plexsim.scanner import Scan


@pytest.fixture
def databases(
    tmp_path: Path, fresh_library: Callable[[Path], None]
) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    album = tmp_path / "Music" / "Artist" / "Album"
    album.mkdir(parents=True)
    for number in range(1, 5):
        (album / f"1-0{number} Title {number}.mp3").write_bytes(bytes([number]) * 1000)
    fresh_library(tmp_path)
    library, blobs = (schema.connect(tmp_path / name) for name in (schema.LIBRARY, schema.BLOBS))
    with closing(library), closing(blobs):
        with schema.transaction(library):
            place = [str(tmp_path / "Music")]
            rows.add_section(library, name="Music", section_type=8, locations=place, now=1, section_id=5)
        Scan(library, 5, now=2).run()
        yield library, blobs


def run(databases: tuple[sqlite3.Connection, sqlite3.Connection]) -> int:
    library, blobs = databases
    return analyser.Analysis(library, blobs, clock=lambda: 9).run(analyser.pending(library))


def test_backlog_is_worked_and_both_witnesses_written(
    databases: tuple[sqlite3.Connection, sqlite3.Connection],
) -> None:
    library, blobs = databases
    before = library.execute("SELECT max(changed_at) FROM metadata_items").fetchone()[0]
    assert run(databases) == 4
    assert run(databases) == 0
    tracks = library.execute("SELECT * FROM metadata_items WHERE metadata_type = 10").fetchall()
    for track in tracks:
        assert extra_data.decode(track["extra_data"]) == {"ms:musicAnalysisVersion": "1"}
        assert '"url":"ms%3AmusicAnalysisVersion=1"' in track["extra_data"]
        assert track["changed_at"] > before
    vectors = blobs.execute("SELECT * FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = 7").fetchall()
    assert {row["linked_id"] for row in vectors} == {track["id"] for track in tracks}
    numbers = [gzip.decompress(row["blob"]).decode().split(",") for row in vectors]
    assert {len(row) for row in numbers} == {50}
    assert len({tuple(row) for row in numbers}) == 4
    assert library.execute("SELECT count(*) FROM blobs").fetchone()[0] == 0


def test_a_library_can_be_left_out(databases: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    library, _ = databases
    for chosen, waiting in (("0", 0), ("1", 4)):
        fields = section_preferences.changed(rows.MUSIC_SECTION, "", {"prefs[musicAnalysis]": chosen})
        library.execute("UPDATE library_sections SET user_fields = ?", (fields,))
        assert len(analyser.pending(library)) == waiting


def test_marker_in_the_old_encoding_counts(databases: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    library, _ = databases
    first = analyser.pending(library)[0]
    rows.update(library, "metadata_items", first.item_id, {"extra_data": "ms%3AmusicAnalysisVersion=1"})
    assert first not in analyser.pending(library)
    assert run(databases) == 3


def test_unreadable_and_deleted_tracks_are_left(databases: tuple[sqlite3.Connection, sqlite3.Connection]) -> None:
    library, _ = databases
    unreadable, deleted, *_rest = analyser.pending(library)
    Path(unreadable.file).unlink()
    rows.update(library, "metadata_items", deleted.item_id, {"deleted_at": 5})
    assert run(databases) == 2
    assert analyser.pending(library) == [unreadable]


@pytest.mark.parametrize("position", [0, 49, 50, 777, 999])
def test_every_byte_matters(position: int, tmp_path: Path) -> None:
    file = tmp_path / "track.flac"
    data = bytearray(1000)
    file.write_bytes(data)
    before = analyser.vector(analyser.chunks(file))
    data[position] = 200
    file.write_bytes(data)
    assert analyser.vector(analyser.chunks(file)) != before


@pytest.mark.parametrize("size", [1, 7, 50, 333])
def test_chunking_does_not_matter(size: int) -> None:
    data = bytes(range(256)) * 5
    pieces = (data[start : start + size] for start in range(0, len(data), size))
    assert analyser.vector(pieces) == analyser.vector(iter([data]))


def test_the_work_on_a_track_takes_its_time_and_uses_the_processor() -> None:
    begun, used = time.monotonic(), time.process_time()
    worker.spend(0.3)
    assert time.monotonic() - begun >= 0.3
    assert time.process_time() - used > 0.005  # of 0.09 s, on a machine that has other work
