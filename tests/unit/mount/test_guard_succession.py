"""What a guard finds when it begins: what it missed since the one before it died, and what systemd kept for it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from module_utils import fd_store, guard_states, mount_layers
from module_utils.guard import Guard

from .standing_in import Plex, log


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


@pytest.mark.parametrize(("system", "met"), [("running", False), ("stopping", True)])
def test_a_guard_that_is_stopped_leaves_word_of_plex_only_for_a_reboot_and_of_giving_up_never(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, system: str, met: bool
) -> None:
    for module in ("guard", "guard_mount"):
        monkeypatch.setattr(
            f"module_utils.{module}.systemctl", lambda *words: system if "is-system-running" in words else ""
        )

    def turn() -> None:
        guard.mind = guard_states.Mind(guard_states.GIVEN_UP, cause="no repair lasted")
        guard.met = guard.ending = True
        guard.write_status()
        assert guard.given_up.exists()

    monkeypatch.setattr(guard, "turn", turn)
    monkeypatch.setattr(guard, "_wait", lambda _: None)
    guard.run()
    assert guard._status_before()["met"] is met
    assert not guard.given_up.exists(), "the machine's switch would count from it"


@pytest.mark.parametrize(
    ("before", "missed"),
    [
        ({"pid": 77, "began": 5}, True),
        # The same number, given to another process since the machine came up.
        ({"pid": 78, "began": 5}, True),
        ({"pid": 78, "began": 6}, False),
    ],
)
def test_after_a_reboot_plex_waits_for_the_proof(
    guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch, before: dict[str, int], missed: bool
) -> None:
    plex.living = False
    guard.mount.pid, guard.mount.began = 78, 6
    monkeypatch.setattr(guard.mount, "covered", lambda: True)
    assert not guard._missed_something(before), "Plex was never there"
    guard.met = True
    assert guard._missed_something(before) is missed
    if missed:
        guard._meet_the_unseen()
        assert (guard.mind.frozen, log(guard)) == (True, ["nothing to freeze"])


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
    ("pid", "settled", "first"),
    [
        # rclone lives and what it mounted is gone: no other generation comes by itself.
        (0, True, guard_states.REPAIR),
        # The next generation is on its way.
        (0, False, None),
        # The generation that is held is put on top, or replaced, as soon as that is seen.
        (78, True, None),
    ],
)
def test_a_generation_that_is_gone_for_good_is_repaired_at_once(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, pid: int, settled: bool, first: str | None
) -> None:
    guard.mount.pid = pid
    monkeypatch.setattr(guard.mount, "settled", lambda: settled)
    guard._meet_the_unseen()
    signs = guard_states.Signs(at=guard.mind.since, process=False, covered=False)
    _, actions = guard_states.step(guard.mind, signs, guard_states.Patience())
    assert actions == ((first,) if first else ())


@pytest.mark.parametrize(
    ("told", "before", "by_the_unit", "broken"),
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
    guard: Guard,
    plex: Plex,
    monkeypatch: pytest.MonkeyPatch,
    *,
    told: bool,
    before: dict[str, bool],
    by_the_unit: bool,
    broken: bool,
) -> None:
    # While a call waits in the mount it does not come to a standstill; what counts is what it was told.
    monkeypatch.setattr(plex, "stands_still", lambda: False)
    monkeypatch.setattr(plex, "told_to_stand", lambda: told)
    assert guard._find_plex(before) is by_the_unit
    assert (guard.mind.frozen, guard.window["broken"]) == (told, broken)


@pytest.mark.parametrize(
    ("before", "known"),
    [
        ({"container": 4711, "freezer": "/sys/fs/cgroup/a/cgroup.freeze"}, 4711),
        # The number belongs to somebody else by now, or to nobody.
        ({"container": 4711, "freezer": "/sys/fs/cgroup/b/cgroup.freeze"}, 0),
        ({"container": 1, "freezer": "/sys/fs/cgroup/a/cgroup.freeze"}, 0),
        ({}, 0),
        ({"container": None, "freezer": ""}, 0),
    ],
)
def test_a_container_is_known_although_docker_says_nothing(
    guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch, before: dict[str, object], known: int
) -> None:
    def order(frozen: bool) -> tuple[Path, str]:
        if plex.pid != 4711:
            raise OSError(f"nobody is {plex.pid}")
        return Path("/sys/fs/cgroup/a/cgroup.freeze"), str(int(frozen))

    monkeypatch.setattr(plex, "order", order)
    monkeypatch.setattr(plex, "told_to_stand", lambda: plex.pid == 4711)
    guard._find_plex(before)
    assert (plex.pid, guard.mind.frozen) == (known, known == 4711)
    plex.pid = 12
    guard._remember_plex(before)
    assert plex.pid == 12, "Docker's word comes first"


def test_the_next_guard_finds_what_it_needs_in_the_status(
    guard: Guard, plex: Plex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plex, "order", lambda frozen: (Path("/sys/fs/cgroup/a/cgroup.freeze"), "1"))
    plex.pid = 4711
    guard.write_status()
    before = guard._status_before()
    plex.pid = 0
    guard._remember_plex(before)
    assert plex.pid == 4711


def test_the_unit_learns_how_each_container_is_stopped(
    guard: Guard, plex: Plex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard.note = tmp_path / "freezer"
    orders = iter([(Path("/sys/fs/cgroup/a/cgroup.freeze"), "1"), (Path("/sys/fs/cgroup/b/freezer.state"), "FROZEN")])
    monkeypatch.setattr(plex, "order", lambda frozen: next(orders))
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
