"""The guard as a service: a full disk, a death together with the mount, what systemd keeps for it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from module_utils import fd_store, freezer, guard_probes, guard_reads, guard_states, listing, mount_layers
from module_utils.freezer import Container
from module_utils.guard import Guard, build
from module_utils.guard_cache import ROOM, Cache

from .probing import ended

SETTINGS: dict[str, Any] = {
    "unit": "u",
    "generation": "/nowhere/generation",
    "parent": "/nowhere",
    "target": "/nowhere/library",
    "container": "plex",
    "inside": "/media",
    "rclone": "true",
    "rclone_config": "",
    "remote": "library:",
    "socket": "",
    "files": "",
    "cache": "",
    "workers": ["Plex Media Scanner"],
    "prove_deadline": 1.0,
    "pace": {},
    "patience": {},
}


class Plex(Container):
    """A container that only remembers what it was told."""

    def __init__(self) -> None:
        super().__init__("plex")
        self.told: list[str] = []
        self.living = True

    def alive(self) -> bool:
        return self.living

    def workers(self, names: Sequence[str]) -> list[int]:
        return [1] if names else [1, 2]

    def freeze(self, frozen: bool = True) -> None:
        self.told.append("freeze")

    def thaw(self) -> None:
        self.told.append("thaw")

    def end(self, pids: Sequence[int]) -> None:
        self.told.append(f"end {len(pids)}")

    def empties_trash(self) -> bool:
        return True

    def keep_trash(self) -> None:
        self.told.append("keep trash")


@pytest.fixture
def plex() -> Plex:
    return Plex()


@pytest.fixture
def guard(tmp_path: Path, plex: Plex) -> Guard:
    made = build({**SETTINGS, "directory": str(tmp_path)})
    made.container = made.docker.container = plex
    return made


def log(guard: Guard) -> list[str]:
    path = guard.directory / "events.jsonl"
    return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []


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
    guard.probes.files = names
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
    guard.give_up()
    path.rmdir()
    guard.thaw()
    assert log(guard) == ["frozen", "given up", "thawed"]
    assert guard.unwritten == []


def test_a_guard_that_died_with_the_mount_freezes_before_it_looks(guard: Guard, plex: Plex, tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"pid": 77}')
    assert guard._status_before()["pid"] == 77
    guard._meet_the_unseen()
    assert (guard.mind.frozen, guard.window["broken"], guard.window["exposed"]) == (True, True, True)
    plex.pid = 4711
    guard.thaw()
    assert (plex.told, guard.docker.ended) == (["freeze", "keep trash", "end 2", "thaw"], 4711), (
        "its scanners saw errors, trash is emptied"
    )


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
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=time.monotonic(), frozen=True)
    guard.prove()
    assert plex.told == told
    assert guard.docker.restart == ("no" if "end 2" in told else "due")
    guard.prove()
    assert guard_probes.PROOF not in guard.probes.running, "nothing is proved before it is there again"


@pytest.mark.parametrize(
    ("text", "living", "starts"),
    [
        ('{"ended": 4711}', False, 4711),
        ('{"ended": 4711}', True, 0),
        ('{"pid": 77}', False, 0),
        ("[]", False, 0),
        ('{"ended', False, 0),
    ],
)
def test_a_server_that_was_ended_is_started_by_the_next_guard(
    guard: Guard, plex: Plex, text: str, living: bool, starts: int
) -> None:
    (guard.directory / "status.json").write_text(text)
    plex.living = living
    guard._take_over(guard._status_before())
    assert guard.docker.ended == starts


def test_what_is_ended_is_on_disk_before_it_is_gone(guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch) -> None:
    plex.pid = 4711
    guard.window = {"broken": True, "exposed": True}
    written: list[int] = []
    monkeypatch.setattr(plex, "end", lambda _: written.append(guard._status_before()["ended"]))
    guard.thaw()
    assert written == [4711]


@pytest.mark.parametrize(("aside", "by"), [(True, "covering"), (False, "a new generation")])
def test_a_generation_that_lives_is_put_on_top_again_only_where_it_is_mounted(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, aside: bool, by: str
) -> None:
    for what, found in (("alive", True), ("covered", False), ("aside", aside)):
        monkeypatch.setattr(guard.mount, what, lambda *_, found=found: found)
    done: list[str] = []
    for what in ("cover", "kill", "release", "restart"):
        monkeypatch.setattr(guard.mount, what, lambda *_, what=what, **__: done.append(what))
    guard.repair()
    (line,) = (guard.directory / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["by"] == by
    assert done == (["cover"] if aside else ["kill", "release", "restart"])


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


@pytest.mark.parametrize(
    ("before", "now", "missed"),
    [
        ({}, (77, True), False),
        ({"pid": 77}, (77, True), False),
        ({"pid": 77}, (78, True), True),
        ({"pid": 77}, (0, False), True),
        # It lives, and Plex saw an empty directory.
        ({"pid": 77}, (77, False), True),
        # The first guard of all waits for a mount that is about to come.
        ({"pid": 0}, (77, False), False),
    ],
)
def test_a_guard_learns_what_happened_while_none_watched(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, before: dict[str, int], now: tuple[int, bool], missed: bool
) -> None:
    guard.mount.pid, covered = now
    monkeypatch.setattr(guard.mount, "covered", lambda: covered)
    assert guard._missed_something(before) is missed


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        ((True, ["another"]), "the mount was taken away while nobody watched"),
        ((False, []), "the mount was taken away while nobody watched"),
        ((False, ["dead"]), "the mount died while nobody watched"),
    ],
)
def test_an_empty_directory_was_seen_whatever_systemd_kept(
    guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch, now: tuple[bool, list[str]], cause: str
) -> None:
    alive, layers = now
    reader, writer = os.pipe()
    guard.mount.left = [writer]
    for what, found in (("alive", alive), ("covered", False)):
        monkeypatch.setattr(guard.mount, what, lambda *_, found=found: found)
    monkeypatch.setattr(guard.mount.layers, "at", lambda _: layers)
    plex.pid = 4711
    guard._meet_the_unseen()
    guard.thaw()
    assert guard.mind.cause == cause
    kept = "keep trash" in plex.told
    assert kept is ("taken away" in cause), "what a scanner marked then stays in the trash"
    os.close(reader)


@pytest.mark.parametrize(
    ("stands_still", "before", "by_the_unit", "broken"),
    [
        (False, {"frozen": False}, False, False),
        (False, {"frozen": True}, False, False),
        # Its guard died, and nothing else is known to be wrong: its scanners go on.
        (True, {"frozen": False}, True, False),
        (True, {}, True, False),
        # It stood still already, because of what there was to see.
        (True, {"frozen": True}, False, True),
    ],
)
def test_who_finds_plex_frozen_knows_why(
    guard: Guard, plex: Plex, *, stands_still: bool, before: dict[str, bool], by_the_unit: bool, broken: bool
) -> None:
    plex.stands_still = lambda: stands_still  # type: ignore[method-assign]
    assert guard._find_plex(before) is by_the_unit
    assert (guard.mind.frozen, guard.window["broken"]) == (stands_still, broken)


def test_the_unit_learns_how_each_container_is_stopped(guard: Guard, plex: Plex, tmp_path: Path) -> None:
    guard.note = tmp_path / "freezer"
    orders = iter([(Path("/sys/fs/cgroup/a/cgroup.freeze"), "1"), (Path("/sys/fs/cgroup/b/freezer.state"), "FROZEN")])
    plex.order = lambda frozen: next(orders)  # type: ignore[method-assign]
    for pid, text in ((7, "/sys/fs/cgroup/a/cgroup.freeze\n1\n"), (8, "/sys/fs/cgroup/b/freezer.state\nFROZEN\n")):
        plex.pid = pid
        for _ in range(2):
            guard._leave_word()
        assert guard.note.read_text() == text
    plex.pid, plex.living = 9, False
    guard._leave_word()


def test_what_systemd_kept_spares_plex_the_restart(guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    guard.mount.left = [writer]
    dead = mount_layers.Layer("9", "1", "/nowhere/library", "0:77", "fuse.rclone", "library:")
    monkeypatch.setattr(guard.mount.layers, "at", lambda _: [dead])
    guard._meet_the_unseen()
    guard.thaw()
    assert plex.told == ["freeze", "end 1", "thaw"]
    assert os.read(reader, 1) == b"", "the handle is closed once the scanners are gone"
    os.close(reader)


def test_a_frozen_plex_goes_on_only_after_a_proof() -> None:
    mind = guard_states.Mind(guard_states.PREWARM, frozen=True, cause="the mount died while nobody watched")
    signs = guard_states.Signs(at=1)
    mind, actions = guard_states.step(mind, signs, guard_states.Patience())
    assert (mind.state, actions) == (guard_states.REPAIRING, ())
    _, actions = guard_states.step(mind, signs, guard_states.Patience())
    assert actions == (guard_states.PROVE,)


def test_a_descriptor_is_left_with_systemd_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        reader, writer = os.pipe()
        fd_store.keep(writer)
        words, (copy,), _, _ = socket.recv_fds(systemd, 100, 1)
        assert words == b"FDSTORE=1\nFDNAME=fuse"
        os.write(copy, b"x")
        assert os.read(reader, 1) == b"x"
        fd_store.drop()
        assert socket.recv_fds(systemd, 100, 1)[:2] == (b"FDSTOREREMOVE=1\nFDNAME=fuse", [])
        for descriptor in (reader, writer, copy):
            os.close(descriptor)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    assert fd_store.inherited() == []


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
