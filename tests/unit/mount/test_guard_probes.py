"""What the guard asks in children: one that never answers holds nothing up, and each counts for its own question."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from module_utils import bounded, guard_states, rclone_rc
from module_utils.freezer import Container
from module_utils.guard import Guard, build
from module_utils.guard_probes import ASK_DOCKER, TELL_DOCKER, Pace

from .test_guard_service import SETTINGS


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    made = build({**SETTINGS, "directory": str(tmp_path), "socket": str(tmp_path / "rc"), "prove_deadline": 20.0})
    made.mind = guard_states.Mind(guard_states.PREWARM)
    return made


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def ended(guard: Guard, name: str) -> None:
    def look() -> bool:
        guard.probes.collect()
        return name not in guard.probes.running

    until(look)


def test_a_listing_that_never_ends_does_not_hold_the_guard_up(guard: Guard, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(guard.probes.socket)
        silent.listen()
        assert not guard.listed()
        connection, _ = silent.accept()
        assert not guard.listed()
        guard.probes.collect()
        assert guard.probes.underway("listing") > 0, "one is under way, and no second one beside it"
        connection.close()


def test_a_listing_is_filled_once_and_then_known(guard: Guard, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(guard.probes.socket)
        listener.listen()

        def rclone() -> dict[str, str]:
            connection, _ = listener.accept()
            asked = connection.recv(4096).split(b" HTTP")[0]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.close()
            return {"asked": asked.decode()}

        answering = bounded.Child(rclone, 20)
        until(guard.listed)
        assert answering.poll(20) == {"asked": "POST /vfs/refresh"}
        ended(guard, "listing")
        assert guard.listed()
    assert "listing" not in guard.probes.running, "nobody is asked twice"
    assert json.loads(rclone_rc.listing_note(guard.probes.socket).read_text())["finished"]


def test_an_rclone_without_a_socket_is_not_asked_all_the_time(guard: Guard) -> None:
    guard.probes.pace = Pace(listing_every=1000)
    assert not guard.listed()
    ended(guard, "listing")
    assert not guard.listed()
    assert "listing" not in guard.probes.running, "it was asked a moment ago"


class Docker(Container):
    """A container whose Docker answers after a while, and says what it was told."""

    def __init__(self, place: Path, late: float = 0.0) -> None:
        super().__init__("plex")
        self.place, self.late, self.living = place, late, True

    def alive(self) -> bool:
        return self.living

    def stands_still(self) -> bool:
        return True

    def ask(self) -> dict[str, object]:
        time.sleep(self.late)
        return {"pid": 1, "paused": (self.place / "told").exists()}

    def tell_docker(self, frozen: bool) -> None:
        (self.place / "told").touch() if frozen else (self.place / "told").unlink()

    def start(self) -> None:
        (self.place / "started").touch()


def test_docker_that_is_late_to_answer_does_not_hold_the_guard_up(guard: Guard, tmp_path: Path) -> None:
    guard.container = guard.probes.container = Docker(tmp_path, late=20.0)
    began = time.monotonic()
    guard._ask_docker(began)
    guard._ask_docker(began + 100)
    assert time.monotonic() - began < 10
    assert guard.probes.underway(ASK_DOCKER) > 0
    guard.probes.forget()
    assert guard.probes.underway(ASK_DOCKER) > 0, "another generation of the mount changes nothing about Docker"
    guard.probes.running[ASK_DOCKER].abandon()


def test_a_pause_that_ends_after_plex_was_let_go_is_taken_back(guard: Guard, tmp_path: Path) -> None:
    guard.container = guard.probes.container = Docker(tmp_path)
    guard.mind = guard_states.Mind(guard_states.REPAIRING, frozen=True)
    guard._agree_with_docker()
    guard.mind = guard_states.Mind(guard_states.PROBATION)
    ended(guard, TELL_DOCKER)
    assert (tmp_path / "told").exists()

    def agreed() -> bool:
        guard._ask_docker(time.monotonic())
        guard.probes.collect()
        guard._agree_with_docker()
        return not (tmp_path / "told").exists()

    began = time.monotonic()
    until(agreed)
    assert time.monotonic() - began < 9, "as soon as Docker is heard of, and not with the next look after ten seconds"


def test_what_was_ended_is_started_until_it_lives(guard: Guard, tmp_path: Path) -> None:
    plex = guard.container = guard.probes.container = Docker(tmp_path)
    plex.living, plex.pid, guard.ended = False, 4711, 4711
    for _ in range(2):
        guard.told_docker = 0.0
        guard._agree_with_docker()
        ended(guard, TELL_DOCKER)
        (tmp_path / "started").unlink()
    plex.living, plex.pid, guard.told_docker = True, 4712, 0.0
    guard._agree_with_docker()
    assert guard.ended == 0
    plex.living, guard.told_docker = False, 0.0
    guard._agree_with_docker()
    assert TELL_DOCKER not in guard.probes.running, "who stops it now wants it stopped"


@pytest.mark.parametrize(
    ("name", "failures"), [("read", 1), ("docker", 0), ("listing", 0), ("statfs", 0), ("s3", 0), ("proof", 0)]
)
def test_only_a_cold_read_that_fails_counts_as_one(guard: Guard, name: str, failures: int) -> None:
    guard.probes.start(name, lambda: {"error": "no such luck"}, 20)
    ended(guard, name)
    assert guard.probes.read_failures == failures
