"""What the guard asks in children: one that never answers holds nothing up, and each counts for its own question."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from module_utils import bounded, guard_states, rclone_rc
from module_utils.guard import Guard, build
from module_utils.guard_probes import Pace

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


@pytest.mark.parametrize(
    ("name", "failures"), [("read", 1), ("docker", 0), ("listing", 0), ("statfs", 0), ("s3", 0), ("proof", 0)]
)
def test_only_a_cold_read_that_fails_counts_as_one(guard: Guard, name: str, failures: int) -> None:
    guard.probes.start(name, lambda: {"error": "no such luck"}, 20)
    ended(guard, name)
    assert guard.probes.read_failures == failures
