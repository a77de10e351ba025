"""plex_db_snapshot: whole, consistent, private copies, also while somebody writes."""

from __future__ import annotations

import fcntl
import gzip
import json
import multiprocessing
import os
import random
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from module_utils import census
from module_utils.files import sha256
from module_utils.integrity import check
from plugins.module_utils import snapshot, snapshot_series
from plugins.module_utils.database_copy import copy_database
from plugins.modules import plex_db_snapshot
from tests.unit.database.builder import BLOBS, LIBRARY, execute, query

Run = Callable[..., dict[str, Any]]


def page_size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA page_size").fetchone()[0])


def test_the_copies_are_whole(run: Run, either: Path, tmp_path: Path) -> None:
    dest = tmp_path / "export"
    result = run(plex_db_snapshot, directory=either, dest=dest)
    assert result["changed"]
    assert sorted(path.name for path in dest.iterdir()) == sorted([LIBRARY, BLOBS, snapshot.MANIFEST])
    for file in result["files"]:
        path = Path(file["path"])
        data = path.read_bytes()
        assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, file["size"])
        assert sha256(path) == file["sha256"]
        assert data[18:20] == b"\x01\x01"  # a rollback journal, not a log: one file is whole
        assert page_size(path) == page_size(either / path.name) == 1024
    assert census.take(dest) == census.take(either)
    assert check(dest).problems == []


def test_an_unchanged_library_is_not_copied_again(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "export"
    first = run(plex_db_snapshot, directory=pair, dest=dest)
    second = run(plex_db_snapshot, directory=pair, dest=dest)
    assert (second["changed"], second["files"]) == (False, first["files"])
    execute(pair / LIBRARY, "INSERT INTO library_sections (name, section_type) VALUES ('New', 8)")
    third = run(plex_db_snapshot, directory=pair, dest=dest)
    assert third["changed"]
    assert third["files"][0]["sha256"] != first["files"][0]["sha256"]
    (dest / BLOBS).write_bytes(b"damaged here")
    assert run(plex_db_snapshot, directory=pair, dest=dest)["changed"]


def test_check_mode(run: Run, pair: Path, tmp_path: Path) -> None:
    assert run(plex_db_snapshot, directory=pair, dest=tmp_path / "export", check_mode=True)["changed"]
    assert not (tmp_path / "export").exists()


def write_without_end(directory: str, ready: Event, stop: Event) -> None:
    """Do what the analyser does, as fast as it goes: the vector, then the mark that claims it."""
    library = sqlite3.connect(Path(directory) / LIBRARY, timeout=30)
    blobs = sqlite3.connect(Path(directory) / BLOBS, timeout=30)
    library.create_collation("icu_root", lambda a, b: (a > b) - (a < b))
    library.execute("DROP TRIGGER fts4_before_update_icu")
    library.execute("DROP TRIGGER fts4_after_update_icu")
    number, vector = 1000, gzip.compress(b"0.5," * 50)
    while not stop.is_set():
        number += 1
        blobs.execute(
            "INSERT INTO blobs (blob, linked_type, linked_id, blob_type) VALUES (?, 'metadata_item', ?, 7)",
            (vector, number),
        )
        blobs.commit()
        library.execute(
            "INSERT INTO metadata_items (id, library_section_id, metadata_type, title, extra_data)"
            " VALUES (?, 2, 10, 'x', 'ms%3AmusicAnalysisVersion=1')",
            (number,),
        )
        library.commit()
        if number == 1020:
            ready.set()
    library.close()
    blobs.close()


@pytest.mark.deep
def test_under_fire_the_pair_is_consistent(pair: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    writer = context.Process(target=write_without_end, args=(str(pair), ready, stop))
    writer.start()
    try:
        assert ready.wait(30)
        seen = []
        for number in range(10):
            manifest, changed = snapshot.take(pair, tmp_path / f"export{number}")
            assert (changed, manifest["analysed_without_vector"]) == (True, 0)
            seen.append(census.take(tmp_path / f"export{number}")["sections"][1]["analysed"])
    finally:
        stop.set()
        writer.join(30)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


@pytest.mark.deep
def test_a_killed_copy_leaves_nothing_that_looks_finished(pair: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    chance = random.Random(1)
    for _ in range(4):
        copier = context.Process(target=snapshot.take, args=(pair, tmp_path / "export"))
        copier.start()
        copier.join(chance.uniform(0.05, 0.6))
        copier.kill()
        copier.join()
        if (tmp_path / "export" / snapshot.MANIFEST).exists():
            assert check(tmp_path / "export").problems == []
        assert check(pair).problems == []
    manifest, _ = snapshot.take(pair, tmp_path / "export")
    assert [sha256(Path(file["path"])) for file in manifest["files"]] == [file["sha256"] for file in manifest["files"]]


def test_a_mark_without_a_vector_is_told(pair: Path, tmp_path: Path) -> None:
    execute(pair / BLOBS, "DELETE FROM blobs WHERE id = (SELECT max(id) FROM blobs)")
    manifest, _ = snapshot.take(pair, tmp_path / "export")
    assert manifest["analysed_without_vector"] == 1


def test_blobs_that_stay_behind_are_refused(
    run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lossy(source: Path, target: Path, **how: bool) -> None:
        copy_database(source, target, **how)
        if target.name == BLOBS:
            execute(target, "DELETE FROM blobs")

    monkeypatch.setattr("plugins.module_utils.snapshot.copy_database", lossy)
    result = run(plex_db_snapshot, directory=pair, dest=tmp_path / "export")
    assert "4 analysed tracks have their vector at the source but not in the copy" in result["msg"]
    assert not (tmp_path / "export" / snapshot.MANIFEST).exists()


def test_a_damaged_source_gives_no_manifest(run: Run, pair: Path, tmp_path: Path) -> None:
    data = bytearray((pair / LIBRARY).read_bytes())
    for offset in range(5 * 1024, 15 * 1024):
        data[offset] ^= 0xFF
    (pair / LIBRARY).write_bytes(data)
    result = run(plex_db_snapshot, directory=pair, dest=tmp_path / "export")
    assert result["failed"]
    assert LIBRARY in result["msg"]
    assert not (tmp_path / "export" / snapshot.MANIFEST).exists()


def test_no_room_and_no_source(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(plex_db_snapshot, directory=tmp_path / "none", dest=tmp_path / "export")
    assert result["msg"] == f"{tmp_path / 'none' / LIBRARY} does not exist."
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 1 << 10})())
    assert "0 MB are free" in run(plex_db_snapshot, directory=pair, dest=tmp_path / "export")["msg"]


def test_what_a_killed_copy_left_is_no_obstacle(pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "export"
    dest.mkdir()
    (dest / f"{LIBRARY}.partial").write_bytes(b"half")
    (dest / f"{LIBRARY}.partial-journal").write_bytes(b"half")
    snapshot.take(pair, dest)
    assert sorted(path.name for path in dest.iterdir()) == sorted([LIBRARY, BLOBS, snapshot.MANIFEST])
    assert query(dest / LIBRARY, "SELECT count(*) FROM media_parts") == [(15,)]


def unpacked(archive: Path, target: Path) -> Path:
    subprocess.run(["zstd", "--decompress", "--quiet", "-o", str(target), str(archive)], check=True)
    return target


def test_compressed_copies_are_the_same_databases(run: Run, either: Path, tmp_path: Path) -> None:
    result = run(plex_db_snapshot, directory=either, dest=tmp_path / "export", compress=True, facts={"run_id": "r"})
    names = sorted([f"{LIBRARY}.zst", f"{BLOBS}.zst", snapshot.MANIFEST])
    assert sorted(path.name for path in (tmp_path / "export").iterdir()) == names
    home = tmp_path / "home"
    home.mkdir()
    for file in result["files"]:
        archive = Path(file["archive"]["path"])
        assert (archive.stat().st_mode & 0o777, archive.stat().st_size) == (0o600, file["archive"]["size"])
        assert sha256(archive) == file["archive"]["sha256"]
        assert sha256(unpacked(archive, home / file["name"])) == file["sha256"]
    assert check(home).problems == []
    assert result["census"] == census.take(home) == census.take(either)
    manifest = json.loads((tmp_path / "export" / snapshot.MANIFEST).read_text())
    assert (manifest["facts"], manifest["census"]) == ({"run_id": "r"}, result["census"])
    again = run(plex_db_snapshot, directory=either, dest=tmp_path / "export", compress=True)
    assert (again["changed"], again["files"]) == (False, result["files"])
    assert run(plex_db_snapshot, directory=either, dest=tmp_path / "export")["changed"]


def test_no_zstd_is_a_sentence_and_nothing_is_left(
    run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cp = shutil.which("cp")
    assert cp
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cp").symlink_to(cp)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    result = run(plex_db_snapshot, directory=pair, dest=tmp_path / "export", compress=True)
    assert result["msg"] == "zstd is not installed here: apt-get install zstd."
    assert not (tmp_path / "export" / snapshot.MANIFEST).exists()


def test_the_last_snapshots_are_kept(run: Run, pair: Path, tmp_path: Path) -> None:
    dest, taken = tmp_path / "checkpoints", []
    for number in range(4):
        execute(pair / LIBRARY, "INSERT INTO library_sections (name, section_type) VALUES (?, 8)", f"New {number}")
        result = run(plex_db_snapshot, directory=pair, dest=dest, compress=True, keep=2)
        taken.append(Path(result["dir"]))
        assert result["files"][0]["archive"]["path"] == str(taken[-1] / f"{LIBRARY}.zst")
        assert Path(result["files"][0]["archive"]["path"]).is_file()
    assert snapshot_series.kept(dest) == taken[:1:-1]
    unchanged = run(plex_db_snapshot, directory=pair, dest=dest, compress=True, keep=2)
    assert (unchanged["changed"], unchanged["dir"]) == (False, str(taken[-1]))


def test_half_snapshots_go_when_a_new_one_is_complete(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "checkpoints"
    half = dest / "20250101T000000000000Z.partial"
    half.mkdir(parents=True)
    (half / LIBRARY).write_bytes(b"half")
    assert snapshot_series.kept(dest) == []
    (pair / LIBRARY).rename(pair / "aside")
    assert run(plex_db_snapshot, directory=pair, dest=dest, keep=1)["failed"]
    assert half.exists(), "nothing is removed for a snapshot that failed"
    (pair / "aside").rename(pair / LIBRARY)
    run(plex_db_snapshot, directory=pair, dest=dest, keep=1)
    assert [path.name for path in dest.iterdir()] == [snapshot_series.kept(dest)[0].name]


def test_a_lock_that_a_killed_one_left_to_its_child_is_waited_for(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "checkpoints"
    dest.mkdir()
    holder = os.open(dest, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    child = threading.Timer(0.2, os.close, [holder])
    child.start()
    assert run(plex_db_snapshot, directory=pair, dest=dest, keep=1)["changed"]
    child.join()


def test_two_at_a_time_are_refused(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_series, "PATIENCE", 0.0)
    dest = tmp_path / "checkpoints"
    dest.mkdir()
    holder = os.open(dest, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    assert "Another snapshot is being taken" in run(plex_db_snapshot, directory=pair, dest=dest, keep=1)["msg"]
    os.close(holder)
    assert run(plex_db_snapshot, directory=pair, dest=dest, keep=1)["changed"]
