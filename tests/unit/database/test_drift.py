"""How far library and bucket have drifted apart: every move found again, in few rules, nothing else touched."""

from __future__ import annotations

import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils import drift_report
from module_utils.drift import CERTAIN, LIKELY, compare
from module_utils.drift_report import proposed_mappings
from module_utils.path_mapping import PathMapping, Rule
from plugins.modules import plex_db_drift
from tests.unit.database.builder import LIBRARY, execute, query

ROOT = "/media/library/Music"
NASTY = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=6).filter(
    lambda name: name not in {".", ".."}
)


def mapping_of(proposals: list[tuple[str, str]]) -> PathMapping:
    return PathMapping(tuple(Rule(old.encode(), new.encode()) for old, new in proposals))


def library(names: list[str], albums: int = 3, tracks: int = 4) -> dict[str, int]:
    chance = random.Random(7)
    return {
        f"{ROOT}/{artist}/Album {album}/{track:02d}.flac": chance.randrange(10**6, 10**8)
        for artist in names for album in range(albums) for track in range(tracks)
    }  # fmt: skip


def moved_by(files: dict[str, int], renames: dict[str, str]) -> dict[str, str]:
    """Where each file is after folders were renamed, deepest first, as on a disk."""
    where = {}
    for path in files:
        now = path
        for old in sorted(renames, key=lambda folder: -folder.count("/")):
            if path.startswith(old + "/"):
                parts, new = now.split("/"), renames[old].split("/")
                depth = old.count("/")
                parts[depth] = new[depth]
                now = "/".join(parts)
        where[path] = now
    return where


def test_nothing_happened() -> None:
    files = library(["A", "B"])
    drift = compare(files, files)
    assert (drift.unchanged, drift.would_delete, drift.new, drift.proposals) == (24, 0, [], [])


def test_gone_new_and_resized() -> None:
    files = library(["A", "B"])
    path = f"{ROOT}/A/Album 0/00.flac"
    found = {name: size for name, size in files.items() if "/B/" not in name} | {f"{ROOT}/C/x.flac": 5, path: 1}
    drift = compare(files, found)
    assert (drift.unchanged, len(drift.gone), drift.new) == (12, 12, [f"{ROOT}/C/x.flac"])
    assert (drift.resized, drift.proposals, drift.would_delete) == ([path], [], 12)


def test_thousands_of_files_one_rule() -> None:
    files = library([f"Artist {number}" for number in range(400)])
    found = {name.replace("/Music/", "/Musique/"): size for name, size in files.items()}
    (only,) = compare(files, found).proposals
    assert (only.old, only.new, only.files) == (ROOT, "/media/library/Musique", 4800)
    assert only.confidence == CERTAIN


def test_a_rule_covers_nothing_that_stayed() -> None:
    files = library(["A"])
    found = {(name.replace("/A/", "/Z/") if "Album 0" in name else name): size for name, size in files.items()}
    (only,) = compare(files, found).proposals
    assert (only.old, only.new) == (f"{ROOT}/A/Album 0", f"{ROOT}/Z/Album 0")


def test_the_same_name_and_size_in_many_places() -> None:
    files = dict.fromkeys(library(["A", "B"]), 1000)
    found = {name.replace("/B/", "/Z/"): size for name, size in files.items()}
    drift = compare(files, found)
    assert drift.moved == {name: name.replace("/B/", "/Z/") for name in files if "/B/" in name}
    (only,) = drift.proposals
    assert (only.old, only.new, only.confidence) == (f"{ROOT}/B", f"{ROOT}/Z", LIKELY)


def test_rivals_that_nothing_tells_apart_are_left_alone() -> None:
    drift = compare({"/m/a/x.flac": 1}, {"/m/b/x.flac": 1, "/m/c/x.flac": 1})
    assert (drift.moved, drift.gone, drift.proposals) == ({}, ["/m/a/x.flac"], [])


def test_another_size_is_another_file() -> None:
    drift = compare({"/m/a/x.flac": 1}, {"/m/b/x.flac": 2})
    assert (drift.moved, drift.gone, drift.new) == ({}, ["/m/a/x.flac"], ["/m/b/x.flac"])


def test_composed_and_decomposed_names_are_one() -> None:
    drift = compare({"/m/Beyonc\u00e9/x\u00e9.flac": 1}, {"/m/Beyonce\u0301/xe\u0301.flac": 1})
    assert drift.moved == {"/m/Beyonc\u00e9/x\u00e9.flac": "/m/Beyonce\u0301/xe\u0301.flac"}
    assert drift.proposals[0].old == "/m/Beyonc\u00e9/x\u00e9.flac"


@settings(max_examples=20, deadline=None)
@given(
    artists=st.lists(NASTY, min_size=2, max_size=6, unique=True),
    seed=st.integers(0, 2**20),
    new_names=st.lists(NASTY, min_size=3, max_size=3, unique=True),
)
def test_random_renames_of_folders_are_recovered_exactly(artists: list[str], seed: int, new_names: list[str]) -> None:
    files, chance = library(artists), random.Random(seed)
    folders = sorted({name.rsplit("/", depth)[0] for name in files for depth in (1, 2)})
    renames = {
        folder: f"{folder.rsplit('/', 1)[0]}/new {number} {new}"
        for number, (folder, new) in enumerate(zip(chance.sample(folders, 3), new_names, strict=True))
    }
    where = moved_by(files, renames)
    found = {where[name]: size for name, size in files.items()}
    if len(found) != len(files):
        return
    drift = compare(files, found)
    assert drift.moved == {old: new for old, new in where.items() if old != new}
    assert (drift.gone, drift.new) == ([], [])
    mapping = mapping_of([(rule.old, rule.new) for rule in drift.proposals])
    assert {name: mapping.apply(name.encode()).decode() for name in files} == where
    assert len(drift.proposals) <= 3 + 3 * len(renames)


def on_disk(pair: Path, place: Path) -> None:
    """Put a file of the library's size where the library has each."""
    for path, size in query(pair / LIBRARY, "SELECT file, size FROM media_parts WHERE file != ''"):
        target = place / path.removeprefix("/volume1/Media/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.truncate(size)


def test_the_module(run: Callable[..., dict[str, Any]], pair: Path, tmp_path: Path) -> None:
    execute(pair / LIBRARY, "UPDATE media_parts SET size = 1000 + id")
    mount, proposal = tmp_path / "mnt", tmp_path / "proposed.json"
    on_disk(pair, mount)
    options = {
        "directory": pair, "media_in_plex": "/volume1/Media", "media_mount": mount, "proposal": proposal, "at_least": 2,
    }  # fmt: skip
    same = run(plex_db_drift, **options)
    assert (same["changed"], same["drift"]["unchanged"], same["drift"]["proposals"]) == (False, 15, [])
    (mount / "Music" / "Artist 1").rename(mount / "Music" / "Art'ist %_1\n")
    (mount / "Music" / "cover.jpg").write_bytes(b"x")
    refused = run(plex_db_drift, **options, sections=["Music"])
    assert refused["failed"]
    assert "A scan would mark 6 of 12 files as deleted" in refused["msg"]
    assert json.loads(proposal.read_text())["mappings"] == {
        "/volume1/Media/Music/Artist 1": "/volume1/Media/Music/Art'ist %_1\n"
    }
    warned = run(plex_db_drift, **options, fail=False)
    assert (warned["changed"], warned["drift"]["counts"]["new"], warned["drift"]["passes_limit"]) == (False, 0, True)
    assert run(plex_db_drift, **options, sections=["Movies"])["drift"]["total"] == 3
    (mount / "Movies").rename(tmp_path / "elsewhere")
    assert "Movies cannot be listed" in run(plex_db_drift, **options)["msg"]


def test_folders_are_looked_into_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        (tmp_path / f"artist {number}" / "album").mkdir(parents=True)
        (tmp_path / f"artist {number}" / "album" / "a.flac").write_bytes(b"x" * number)
    together = threading.Barrier(8)

    def scandir(place: str) -> Any:
        if place.endswith("album"):
            together.wait(20)
        return os.scandir(place)

    monkeypatch.setattr(drift_report, "os", SimpleNamespace(scandir=scandir))
    found = drift_report.found_files(["/media"], "/media", str(tmp_path), ())
    assert found == {f"/media/artist {number}/album/a.flac": number for number in range(8)}


def test_a_proposal_continues_the_mappings_that_were_used(tmp_path: Path) -> None:
    used = tmp_path / "used.json"
    used.write_text('{"mappings": {"/volume1/Media": "/media/library", "/volume1/Media/x": "/media/library/y"}}')
    stays = {"/media/library/k": 7}
    known = {"/media/library/y/a": 5, "/media/library/b": 6} | stays
    drift = compare(known, {"/media/library/z/a": 5, "/media/library/c/b": 6} | stays)
    assert proposed_mappings(drift.proposals, used)["mappings"] == {
        "/volume1/Media": "/media/library",
        "/volume1/Media/x": "/media/library/z",
        "/volume1/Media/b": "/media/library/c/b",
    }


def test_the_real_pair(run: Callable[..., dict[str, Any]], real_pair: Path, tmp_path: Path) -> None:
    for name in ("Movies", "TV-Shows", "Music"):
        (tmp_path / "data" / name).mkdir(parents=True)
    result = run(plex_db_drift, directory=real_pair, media_in_plex="/data", media_mount=tmp_path / "data")
    assert result["failed"]
    assert result["drift"]["counts"]["gone"] == result["drift"]["total"] > 30
