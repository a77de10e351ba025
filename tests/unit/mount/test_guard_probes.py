"""What the guard asks in children: one that never answers holds nothing up, and each counts for its own question."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from module_utils import guard_states
from module_utils.guard import Guard, build

from .probing import ended
from .standing_in import SETTINGS


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    made = build({**SETTINGS, "directory": str(tmp_path), "socket": str(tmp_path / "rc"), "prove_deadline": 20.0})
    made.mind = guard_states.Mind(guard_states.PREWARM)
    yield made
    # A child that is still at work would keep the tests from ending.
    made.probes.forget()


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


@pytest.mark.parametrize(
    ("name", "failures"), [("read", 1), ("docker", 0), ("listing", 0), ("statfs", 0), ("s3", 0), ("proof", 0)]
)
def test_only_a_cold_read_that_fails_counts_as_one(guard: Guard, name: str, failures: int) -> None:
    guard.probes.start(name, lambda: {"error": "no such luck"}, 20)
    ended(guard.probes, name)
    assert guard.probes.read_failures == failures
