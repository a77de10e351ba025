"""A server without a library: its libraries are made, scanned one after another, and told apart by their names.

On this machine, as the phases' faults are (local_target.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.local_target import Target, prepared

pytestmark = pytest.mark.lab

ODD = """Élèves' "best" & more"""
MUSIC = "/media/library/Music"
LIBRARIES = [
    {"title": "Movies", "type": "movie", "paths": ["/media/library/Movies"]},
    {"title": "Music", "type": "artist", "paths": [f"{MUSIC}/Aurora Lane", f"{MUSIC}/O'Malley & Sons"]},
    {"title": ODD, "type": "artist", "paths": [f"{MUSIC}/Les Élèves"], "language": "fr-FR"},
]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("given") / "plex_libraries.json"
    path.write_text(json.dumps({"libraries": LIBRARIES}), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def unclaimed(tmp_path_factory: pytest.TempPathFactory, listed: str) -> Iterator[Target]:
    """A machine for a server without a library, which was not started yet."""
    with prepared(tmp_path_factory.mktemp("scratch"), "scratch") as target:
        target.new_run()
        target.play("preflight", section="", burst_libraries=listed)
        target.play("restore", section="", burst_libraries=listed)
        yield target


@pytest.fixture(scope="module")
def refused(unclaimed: Target) -> str:
    """What was said of a claim code that had expired."""
    return unclaimed.play("plex", expected=2, burst_plex_claim="claim-expired-00000000", plex_docker_token_timeout=2)


@pytest.fixture(scope="module")
def bare(unclaimed: Target, refused: str, listed: str) -> Target:
    """A server that a second code claimed, and that was never given a library. The tests share it in order."""
    assert refused
    unclaimed.play("plex", burst_libraries=listed)
    return unclaimed


def songs(folder: Path, *artists: str) -> int:
    return sum(len(list((folder / artist).rglob("*.*"))) for artist in artists)


def test_an_expired_claim_code_is_told_and_not_repeated(bare: Target, refused: str) -> None:
    told = " ".join(refused.split())
    assert "The server is ready, but has no token yet." in told
    assert "A claim code is valid for 4 minutes only: get a new one at https://plex.tv/claim and run again." in told
    assert "claim-expired" not in told
    assert bare.token


def test_three_libraries_are_made_and_scanned_one_after_another(bare: Target, listed: str) -> None:
    bare.play("scan", section="", burst_libraries=listed)
    scans = bare.results("scan")
    assert [(entry["title"], entry["verdict"]) for entry in scans] == [
        (library["title"], "done") for library in LIBRARIES
    ]
    music = bare.base / "mnt/library/Music"
    assert [entry["after"]["parts"] for entry in scans] == [
        4,
        songs(music, "Aurora Lane", "O'Malley & Sons"),
        songs(music, "Les Élèves"),
    ]
    assert {entry["verdict"] for entry in bare.results("analyse")} == {"already_complete"}
    begun = [
        json.loads((bare.base / f"samples/scan-{entry['section']}.jsonl").read_text().splitlines()[0])["at"]
        for entry in scans
    ]
    ended = [first + entry["elapsed_seconds"] for first, entry in zip(begun, scans, strict=True)]
    assert all(end <= begin for end, begin in zip(ended, begun[1:], strict=False)), "two scans at a time"
    assert json.loads((bare.run_dir / "baseline.json").read_text()) == {"sections": []}


def test_a_name_with_quotes_and_accents_is_found_and_nothing_is_made_twice(bare: Target, listed: str) -> None:
    """Also spelled without its capitals and with its accents in two characters, as some file systems do."""
    bare.new_run()
    bare.play("scan", section=ODD.lower().replace("é", "e\u0301"), burst_libraries=listed)
    assert [entry["title"] for entry in bare.results("scan")] == [ODD]
    printed = bare.play("sonic", section=ODD)
    sonic = bare.result("sonic")
    assert (sonic["title"], sonic["verdict"], sonic["left"]) == (ODD, "done", 0), printed[-3000:]
    sections = bare.ask("/library/sections")["MediaContainer"]["Directory"]
    assert [section["title"] for section in sections] == [library["title"] for library in LIBRARIES]


def test_two_libraries_of_the_same_name_are_both_meant(bare: Target) -> None:
    location = "name=Movies&type=movie&agent=a&scanner=s&language=en&location=/media/library/Movies"
    bare.ask(f"/library/sections?{location}", "POST")
    bare.new_run()
    bare.play("scan", section="Movies")
    ends = bare.results("scan")
    assert [(entry["title"], entry["verdict"]) for entry in ends] == [("Movies", "done")] * 2
    assert len({entry["section"] for entry in ends}) == 2


def test_a_library_that_changes_while_it_is_scanned_is_told_as_it_is(bare: Target, listed: str) -> None:
    """The scan ends; what came or went behind the scanner's back is found by the next one, and counted once."""
    artist = bare.base / "mnt/library/Music/Aurora Lane"
    old = min(path for path in artist.iterdir() if path.is_dir())
    gone, stay = len(list(old.iterdir())), songs(artist.parent, "Aurora Lane", "O'Malley & Sons")
    bare.new_run()
    # A scanner that looks between the two commands must not find the same second again: times are compared by seconds.
    moved = f"cp -a '{old}' '{artist}/Added Meanwhile' && rm -r '{old}' && touch -d '+2 seconds' '{artist}'"
    # Slow enough to be seen for certain, and only until it was.
    with bare.when_scanning(f"{moved} && {bare.order('scanner_slow', on=False)}", factor=200):
        bare.play("scan", section="Music", burst_libraries=listed, burst_force_deep_scan=True)
    assert bare.result("scan")["verdict"] == "done"
    bare.new_run()
    bare.play("scan", section="Music", burst_libraries=listed)
    after = bare.result("scan")["after"]
    assert (after["parts"], after["parts_deleted"]) == (stay, gone)
