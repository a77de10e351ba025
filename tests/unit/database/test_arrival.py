"""plex_db_pieces and plex_db_arrival: a library that travels in pieces arrives whole, whatever happens on the way."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.files import sha256
from plugins.module_utils import place
from plugins.modules import plex_db_archive, plex_db_arrival, plex_db_pieces
from tests.unit.database.builder import BLOBS, LIBRARY, Builder, execute
from tests.unit.database.packing import both, pack

Run = Callable[..., dict[str, Any]]
pytestmark = pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")


class Journey:
    """Home's side, the way and the other side, as the role goes it."""

    def __init__(
        self, run: Run, pair: Path, tmp_path: Path, piece_size: int = 15_000, home: Path | None = None
    ) -> None:
        self.run, self.way, self.dest = run, tmp_path / "way", tmp_path / "target" / "Databases"
        self.look, self.packed = tmp_path / "look", tmp_path / "packed"
        self.way.mkdir()
        looked = run(plex_db_archive, src=home or pack(tmp_path / "home.tar.gz", both(pair)), dest=self.look)
        self.library, self.size = looked, piece_size
        self.manifest: dict[str, Any] = {}
        self.cut()

    def cut(self) -> dict[str, Any]:
        cut = self.run(
            plex_db_pieces, directory=self.look, dest=self.packed, library=self.library, piece_size=self.size
        )
        self.manifest = {**self.library, "pieces": cut.get("pieces")}
        return cut

    def arrive(self, **options: Any) -> dict[str, Any]:
        manifest = {name: self.manifest[name] for name in (*plex_db_pieces.FACTS, "pieces")}
        return self.run(plex_db_arrival, manifest=manifest, incoming=self.way, dest=self.dest, **options)

    def send(self, name: str) -> None:
        shutil.copyfile(self.packed / name, self.way / name)

    def finish(self) -> dict[str, Any]:
        result = self.arrive()
        while result["missing"]:
            self.send(result["missing"][0])
            result = self.arrive()
            assert not list(self.way.iterdir())
        return result


@pytest.mark.deep
def test_a_library_arrives_in_pieces(run: Run, either: Path, tmp_path: Path) -> None:
    journey = Journey(run, either, tmp_path)
    assert len(journey.manifest["pieces"]) > 4
    result = journey.finish()
    assert result["changed"]
    assert sorted(path.name for path in journey.dest.iterdir()) == sorted([place.STAMP, LIBRARY, BLOBS])
    assert result["checksums"] == {name: sha256(journey.dest / name) for name in (LIBRARY, BLOBS)}
    assert all((journey.dest / name).read_bytes() == (either / name).read_bytes() for name in (LIBRARY, BLOBS))
    assert all((journey.dest / name).stat().st_mode & 0o777 == 0o600 for name in (LIBRARY, BLOBS))
    again = journey.arrive()
    assert (again["changed"], again["missing"], again["modified_since"]) == (False, [], False)
    assert not journey.cut()["changed"]


@pytest.mark.parametrize("packed", [True, False])
def test_a_library_that_its_log_made_longer_arrives_whole(run: Run, pair: Path, tmp_path: Path, packed: bool) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("CREATE TABLE late AS SELECT randomblob(100000) AS filler")
        writer.commit()
        files = {**both(pair), LIBRARY + "-wal": (pair / f"{LIBRARY}-wal").read_bytes()}
        before = (pair / LIBRARY).stat().st_size
        journey = Journey(run, pair, tmp_path, home=pack(tmp_path / "log.tar.gz", files) if packed else pair)
    assert journey.finish()["missing"] == []
    assert (journey.dest / LIBRARY).stat().st_size > before + 100_000
    assert sha256(journey.dest / LIBRARY) == journey.library["checksums"][LIBRARY]


def test_what_broke_off_goes_on_where_it_ended(run: Run, pair: Path, tmp_path: Path) -> None:
    journey = Journey(run, pair, tmp_path)
    first, second, *rest = (piece["name"] for piece in journey.manifest["pieces"])
    journey.send(second)
    assert journey.arrive()["missing"] == [first, *rest]
    assert not (journey.dest / LIBRARY).exists()
    assert journey.finish()["missing"] == []


@pytest.mark.parametrize("harm", ["cut", "flipped", "another piece", "no archive", "empty"])
def test_a_damaged_piece_is_refused_and_asked_for_again(run: Run, pair: Path, tmp_path: Path, harm: str) -> None:
    journey = Journey(run, pair, tmp_path)
    first, second = (piece["name"] for piece in journey.manifest["pieces"][:2])
    data = (journey.packed / first).read_bytes()
    middle = len(data) // 2
    (journey.way / first).write_bytes(
        {
            "cut": data[:middle],
            "flipped": data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 8]) + data[middle + 8 :],
            "another piece": (journey.packed / second).read_bytes(),
            "no archive": b"<html>",
            "empty": b"",
        }[harm]
    )
    refused = journey.arrive()
    assert refused["failed"]
    assert first in refused["msg"]
    assert journey.arrive()["missing"][0] == first
    journey.finish()
    assert sha256(journey.dest / LIBRARY) == journey.library["checksums"][LIBRARY]


def test_another_library_begins_anew(run: Run, pair: Path, tmp_path: Path) -> None:
    journey = Journey(run, pair, tmp_path)
    journey.send(journey.manifest["pieces"][0]["name"])
    journey.arrive()
    other = Builder(tmp_path / "other")
    other.movies(40)
    other.music()
    (tmp_path / "again").mkdir()
    second = Journey(run, other.finish(), tmp_path / "again")
    second.dest = journey.dest
    assert len(second.arrive()["missing"]) == len(second.manifest["pieces"])
    second.finish()
    assert sha256(journey.dest / LIBRARY) == second.library["checksums"][LIBRARY]


def test_what_plex_has_changed_is_not_overwritten(run: Run, pair: Path, tmp_path: Path) -> None:
    journey = Journey(run, pair, tmp_path)
    journey.finish()
    execute(journey.dest / LIBRARY, "INSERT INTO library_sections (name, section_type) VALUES ('New', 8)")
    assert journey.arrive()["modified_since"]
    journey.manifest["checksums"] = {LIBRARY: "another", BLOBS: "one"}
    assert "is not overwritten" in journey.arrive()["msg"]


def test_check_mode_writes_nothing(run: Run, pair: Path, tmp_path: Path) -> None:
    journey = Journey(run, pair, tmp_path)
    assert len(journey.arrive(check_mode=True)["missing"]) == len(journey.manifest["pieces"])
    assert not journey.dest.exists()


@pytest.mark.parametrize("side", ["here", "there"])
def test_no_room(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    journey = Journey(run, pair, tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 1 << 20})())
    if side == "here":
        shutil.rmtree(journey.packed)
        refused = journey.cut()
        assert not journey.packed.exists()
    else:
        journey.send(journey.manifest["pieces"][0]["name"])
        refused = journey.arrive()
    assert "1 MB are free" in refused["msg"]


def test_bad_input_gets_a_sentence(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = run(plex_db_arrival, manifest={"x": 1}, incoming=tmp_path, dest=tmp_path / "d")
    assert "pieces.json" in bad["msg"]
    assert "library has no" in run(plex_db_pieces, directory=pair, dest=tmp_path / "p", library={})["msg"]
    journey = Journey(run, pair, tmp_path)
    shutil.rmtree(journey.packed)
    monkeypatch.setenv("PATH", "")
    assert "apt-get install zstd" in journey.cut()["msg"]
    assert not journey.packed.exists()


@pytest.mark.parametrize("reads", ["nothing", "everything"])
def test_a_compression_that_fails_says_why_and_leaves_nothing(
    run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: str
) -> None:
    journey = Journey(run, pair, tmp_path)
    shutil.rmtree(journey.packed)
    program = tmp_path / "bin" / "zstd"
    program.parent.mkdir()
    drain = "cat >/dev/null; " if reads == "everything" else ""
    program.write_text(f"#!/bin/sh\n{drain}echo no room left on the device >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    refused = journey.cut()
    assert refused["failed"]
    assert refused["msg"].endswith("could not be written: no room left on the device.")
    assert not journey.packed.exists()
