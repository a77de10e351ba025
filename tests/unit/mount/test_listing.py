"""A generation is listed once, whoever asks and however often somebody dies over it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from module_utils import listing
from module_utils.listing import Listing
from module_utils.rclone_rc import RcloneError

DONE = {"finished": True, "success": True, "output": {"result": {"": "OK"}}}


class Rclone:
    """What rclone answers; it counts how often it was asked to list."""

    def __init__(self) -> None:
        self.listings = 0
        self.status: dict[str, Any] | RcloneError = {"finished": False, "duration": 1.25}

    def __call__(self, _socket: str, command: str, **_parameters: Any) -> dict[str, Any]:
        if command == "vfs/refresh":
            self.listings += 1
            return {"jobid": self.listings}
        if isinstance(self.status, RcloneError):
            raise self.status
        return self.status


@pytest.fixture
def rclone(monkeypatch: pytest.MonkeyPatch) -> Rclone:
    stand_in = Rclone()
    monkeypatch.setattr(listing, "call", stand_in)
    return stand_in


@pytest.fixture
def socket(tmp_path: Path) -> str:
    return str(tmp_path / "rclone.sock")


def test_it_is_begun_once_and_then_looked_at(rclone: Rclone, socket: str) -> None:
    assert listing.advance(socket) == Listing(finished=False, begun=True)
    assert listing.advance(socket) == Listing(finished=False, seconds=1.2)
    assert not listing.is_complete(socket)
    rclone.status = {**DONE, "duration": 29.14}
    assert listing.advance(socket) == listing.advance(socket) == Listing(finished=True, seconds=29.1)
    assert listing.is_complete(socket)
    assert rclone.listings == 1


def test_who_waits_may_die_and_the_next_one_goes_on(rclone: Rclone, socket: str) -> None:
    assert not listing.wait_for(socket, 0.3)
    rclone.status = {**DONE, "duration": 200}
    assert listing.wait_for(socket, 20)
    assert rclone.listings == 1


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"finished": True, "success": False, "error": "AccessDenied"}, "could not list the bucket: AccessDenied"),
        # What rclone 1.75 said while S3 refused everything.
        ({**DONE, "output": {"result": {"": "directory not found"}}}, "could not list the bucket: directory not found"),
        (
            {**DONE, "output": {"result": {"": "OK", "Music": "AccessDenied"}}},
            "could not list the bucket: AccessDenied",
        ),
        ({**DONE, "output": None}, "could not list the bucket: no reason given"),
        (RcloneError("rclone refused job/status: job not found."), "job not found"),
    ],
)
def test_one_that_failed_or_was_forgotten_begins_anew(
    rclone: Rclone, socket: str, status: dict[str, Any] | RcloneError, said: str
) -> None:
    listing.advance(socket)
    rclone.status = status
    with pytest.raises(RcloneError, match=said):
        listing.advance(socket)
    assert listing.advance(socket).begun
    assert rclone.listings == 2


def test_an_rclone_that_does_not_answer_is_waited_for(rclone: Rclone, socket: str) -> None:
    listing.advance(socket)
    rclone.status = RcloneError("rclone does not answer job/status.")
    assert not listing.wait_for(socket, 0.0)
    assert listing.note_of(socket).exists()


def test_one_that_goes_on_failing_is_asked_for_less_and_less(
    rclone: Rclone, socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = 0.0

    def sleep(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "monotonic", lambda: passed)
    rclone.status = {"finished": True, "success": False}
    assert not listing.wait_for(socket, 60)
    assert rclone.listings == 10, "each of them asks S3 for everything: after 0, 0.6, 2, 5, 11, then every 10 seconds"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"finished": false}'])
def test_a_note_that_says_nothing_is_no_listing(socket: str, text: str) -> None:
    listing.note_of(socket).write_text(text)
    assert not listing.is_complete(socket)
    listing.note_of(socket).write_text(json.dumps({"finished": True}))
    assert listing.is_complete(socket)
