"""The guard as a service: a full disk, a sick cache, a repair that is proved, a generation that is put back."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from module_utils import freezer, guard_probes, guard_reads, guard_report, guard_states, listing, mount_layers
from module_utils.freezer import Container
from module_utils.guard import Guard
from module_utils.guard_cache import ROOM, Cache

from .probing import ended
from .standing_in import Plex, log


def cached(place: Path) -> Cache:
    for name in ("vfs", "vfsMeta"):
        (place / name / "library").mkdir(parents=True)
        (place / name / "library" / "film.mkv").write_bytes(b"x" * 1000)
    return Cache(str(place))


@pytest.mark.parametrize(
    ("wrong", "free", "why"),
    [
        (False, 1 << 40, ""),
        (True, 1 << 40, "files have other bytes than before"),
        (False, ROOM - 4096, "its disk is full"),
        (False, ROOM, ""),
    ],
)
def test_a_cache_is_blamed_for_wrong_bytes_and_a_full_disk_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: bool, free: int, why: str
) -> None:
    cache = cached(tmp_path)
    cache.wrong = wrong
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bfree=free // 4096, f_frsize=4096))
    assert cache.blame() == why
    assert Cache("", wrong).blame() == Cache(str(tmp_path / "unused"), wrong).blame() == "", (
        "there is no cache to blame"
    )


def test_a_cache_is_wiped_with_the_repair_and_only_when_it_is_the_cause(guard: Guard, tmp_path: Path) -> None:
    place = tmp_path / "cache"
    guard.cache = cached(place)
    guard.repair()
    assert sorted(path.name for path in place.iterdir()) == ["vfs", "vfsMeta"], "a cache that is well stays"
    guard.cache.wrong = True
    guard.repair()
    assert not (place / "vfs").exists()
    deadline = time.monotonic() + 10
    while list(place.iterdir()):
        assert time.monotonic() < deadline, "what was wiped is still there"
        time.sleep(0.01)
    guard.repair()
    assert log(guard) == ["repair", "repair", "cache wiped", "repair"]


def test_a_cache_that_cannot_be_wiped_is_said_and_holds_up_no_repair(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.cache = cached(tmp_path / "cache")
    guard.cache.wrong = True

    def read_only(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "rename", read_only)
    guard.repair()
    line = json.loads((guard.directory / "events.jsonl").read_text().splitlines()[-1])
    assert line["event"] == "cache wiped"
    assert "Read-only file system" in line["reason"]
    assert guard.cache.wrong, "the next repair tries again"


def test_a_proof_reads_files_whose_bytes_were_known_before(
    guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    names = [f"{number}.flac" for number in range(200)]
    for name in names:
        (media / name).write_text(name)
    monkeypatch.setattr(guard_reads, "become", lambda *_: None)
    monkeypatch.setattr(guard.probes, "root", lambda: str(media))
    for what in ("alive", "covered", "reaches"):
        monkeypatch.setattr(guard.mount, what, lambda *_: True)
    guard.probes.files.names = names
    guard.probes.socket = str(tmp_path / "rclone.sock")
    listing.note_of(guard.probes.socket).write_text('{"finished": true, "seconds": 0}')
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=time.monotonic())
    guard.prove_deadline = 20.0

    guard.probes.fingerprint(guard_probes.KNOWN, 8, 20)
    ended(guard.probes, guard_probes.KNOWN)
    guard.know()
    assert len(guard.known) == 8
    guard.prove()
    ended(guard.probes, guard_probes.PROOF)
    guard.prove()
    assert guard.proved is True
    for name in guard.known:
        (media / name).write_text("other bytes")
    guard.prove()
    ended(guard.probes, guard_probes.PROOF)
    guard.prove()
    assert guard.proved is False, "192 other files are as they were, and say nothing"
    assert guard.cache.wrong


def test_without_room_plex_is_frozen_all_the_same_and_the_log_comes_later(guard: Guard, plex: Plex) -> None:
    path = guard.directory / "events.jsonl"
    path.mkdir()  # whatever is written there fails
    guard.freeze()
    assert plex.told == ["freeze"]
    note = guard.directory / "given_up.json"
    note.mkdir()
    guard.mind = guard_states.Mind(guard_states.GIVEN_UP, cause="no repair lasted")
    guard.give_up()
    path.rmdir()
    note.rmdir()
    guard.write_status()
    assert json.loads(note.read_text())["reason"] == "no repair lasted", "what nobody could be told is told later"
    guard.thaw()
    assert log(guard) == ["frozen", "given up", "thawed"]
    assert guard.unwritten == []


def test_where_there_is_no_plex_nobody_stood_still(guard: Guard, plex: Plex) -> None:
    plex.living = False
    guard.freeze()
    guard.thaw()
    events = (guard.directory / "events.jsonl").read_text()
    assert guard_report.windows(guard_report.events(events, 0)) == []
    plex.living = True
    guard.freeze()
    events = (guard.directory / "events.jsonl").read_text()
    assert len(guard_report.windows(guard_report.events(events, 0))) == 1


@pytest.mark.parametrize(
    ("is_so", "told"),
    [
        # Its server would remove what the scanner marked, as soon as that ends.
        ({"exposed": True, "trash": True}, ["keep trash", "end 2", "thaw"]),
        ({"exposed": True, "trash": False}, ["end 1"]),
        ({"exposed": False, "trash": True}, ["end 1"]),
    ],
)
def test_a_bind_that_is_renewed_gives_no_server_time_to_empty_its_trash(
    guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch, is_so: dict[str, bool], told: list[str]
) -> None:
    for what, found in (("alive", True), ("covered", True), ("reaches", False)):
        monkeypatch.setattr(guard.mount, what, lambda *_, found=found: found)
    monkeypatch.setattr(plex, "empties_trash", lambda: is_so["trash"])
    plex.pid = 4711
    guard.prove_deadline = 20.0
    guard.window = {"exposed": is_so["exposed"]}
    monkeypatch.setattr(listing, "is_complete", lambda _: True)
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=time.monotonic(), frozen=True)
    guard.prove()
    assert plex.told == told
    assert guard.docker.restart == ("no" if "end 2" in told else "due")
    guard.prove()
    assert guard_probes.PROOF not in guard.probes.running, "nothing is proved before it is there again"


def test_nothing_is_proved_before_the_generation_is_listed(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    for what in ("alive", "covered", "reaches"):
        monkeypatch.setattr(guard.mount, what, lambda *_: True)
    # As when S3 refuses; a directory that is not listed would be an empty one when S3 knows no such bucket.
    monkeypatch.setattr(listing, "wait_for", lambda *_: time.sleep(60))
    guard.prove_deadline = 20.0
    now = time.monotonic()
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=now - 15, frozen=True)
    guard.prove()
    assert set(guard.probes.running) == {guard_probes.LISTING}
    monkeypatch.setattr(guard.probes, "underway", lambda name: 9.0 if name == guard_probes.LISTING else 0.0)
    assert guard.signs(now).proving == 9.0, "S3 is asked whether it is to blame"
    monkeypatch.setattr(time, "monotonic", lambda: now + 10)
    guard.prove()
    assert guard.proved is None, "the time for the proof begins when the listing is there"
    monkeypatch.setattr(time, "monotonic", lambda: now + 1000)
    guard.unready_at = now + 999
    guard.prove()
    assert guard.proved is False
    assert "could not be listed" in (guard.directory / "events.jsonl").read_text()


@pytest.mark.parametrize(
    ("aside", "settled", "by", "expected"),
    [
        (True, True, "covering", ["cover"]),
        # It has only just come up: its unit is about to do so, and twice would be one layer too many.
        (True, False, "covering", []),
        (False, True, "a new generation", ["kill", "release", "restart"]),
    ],
)
def test_a_generation_that_lives_is_put_on_top_again_only_where_it_is_mounted(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, *, aside: bool, settled: bool, by: str, expected: list[str]
) -> None:
    for what, found in (("alive", True), ("covered", False), ("aside", aside), ("settled", settled)):
        monkeypatch.setattr(guard.mount, what, lambda *_, found=found: found)
    done: list[str] = []
    for what in ("cover", "kill", "release", "restart"):
        monkeypatch.setattr(guard.mount, what, lambda *_, what=what, **__: done.append(what))
    guard.repair()
    (line,) = (guard.directory / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["by"] == by
    assert done == expected


@pytest.mark.parametrize(
    ("settled", "mounted", "done"),
    [
        # The unit is about to do it.
        (False, True, []),
        (True, True, ["cover"]),
        (True, False, ["kill", "release", "restart"]),
    ],
)
def test_a_generation_that_is_taken_away_before_it_is_proved_comes_back(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, settled: bool, mounted: bool, done: list[str]
) -> None:
    for what, found in (("alive", True), ("covered", False), ("settled", settled)):
        monkeypatch.setattr(guard.mount, what, lambda *_, found=found: found)
    did: list[str] = []
    for what in ("kill", "release", "restart"):
        monkeypatch.setattr(guard.mount, what, lambda *_, what=what, **__: did.append(what))

    def cover() -> None:
        if not mounted:
            raise OSError("nothing is mounted there")
        did.append("cover")

    monkeypatch.setattr(guard.mount, "cover", cover)
    guard.prove_deadline = 20.0
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=time.monotonic(), frozen=True)
    guard.prove()
    assert did == done
    assert log(guard) == (["covered again"] if done == ["cover"] else [])


def test_the_bare_directory_of_a_generation_is_never_shown(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(mount_layers, "share", done.append)
    monkeypatch.setattr(mount_layers, "bind", lambda *_: done.append("bind"))
    generation = mount_layers.Layer("9", "1", "/nowhere/generation", "0:77", "fuse.rclone", "library:")
    monkeypatch.setattr(mount_layers, "at", lambda point: [generation] if "generation" in point else [])
    for connection in ("", "76"):
        guard.mount.connection = connection
        with pytest.raises(OSError, match="nothing is mounted at /nowhere/generation any more"):
            guard.mount.cover()
    assert done == []
    guard.mount.connection = "77"
    guard.mount.cover()
    assert done == ["/nowhere", "bind"]


def test_docker_lets_go_of_what_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.freeze").write_text("0")
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 1\n")
    asked = []

    def docker(method: str, path: str, *_: Any) -> tuple[int, dict[str, Any]]:
        asked.append((method, path, (tmp_path / "cgroup.freeze").read_text()))
        return 204, {}

    monkeypatch.setattr(freezer, "docker", docker)
    monkeypatch.setattr(Container, "_freezer", lambda _: (tmp_path, 2))
    container = Container("plex")
    container.pid = os.getpid()
    container.tell_docker(False)
    assert asked == [("POST", "/containers/plex/unpause", "1")], "runc refuses to resume what moves"
    assert (tmp_path / "cgroup.freeze").read_text() == "0"
