"""The guard and Docker agree on whether Plex is frozen, however late Docker is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from module_utils.freezer import STAND_STILL, Container
from module_utils.guard import build
from module_utils.guard_docker import Agreement
from module_utils.guard_probes import ASK_DOCKER, TELL_DOCKER

from .probing import ended, until
from .standing_in import SETTINGS


class Docker(Container):
    """A container with a cgroup of files, whose Docker answers after a while and says what it was told."""

    def __init__(self, place: Path) -> None:
        super().__init__("plex")
        self.place, self.late, self.living = place, 0.0, True
        for name in ("freezer.self_freezing", "freezer.state"):
            (place / name).write_text("0")

    def alive(self) -> bool:
        return self.living

    def stands_still(self) -> bool:
        return True

    def _freezer(self) -> tuple[Path, int]:
        return self.place, 1

    def ask(self) -> dict[str, object]:
        time.sleep(self.late)
        return {"pid": 1, "paused": (self.place / "told").exists()}

    def tell_docker(self, frozen: bool) -> None:
        time.sleep(self.late)
        (self.place / "told").touch() if frozen else (self.place / "told").unlink()

    def start(self) -> None:
        (self.place / "started").touch()

    def restart(self) -> None:
        (self.place / "restarted").touch()


@pytest.fixture
def plex(tmp_path: Path) -> Docker:
    return Docker(tmp_path)


@pytest.fixture
def agreement(tmp_path: Path, plex: Docker) -> Agreement:
    probes = build({**SETTINGS, "directory": str(tmp_path)}).probes
    probes.container = plex
    return Agreement(plex, probes)


def test_a_late_answer_holds_nobody_up_and_outlives_a_generation(agreement: Agreement, plex: Docker) -> None:
    plex.late = 20.0
    began = time.monotonic()
    agreement.ask(began)
    agreement.ask(began + 100)
    assert time.monotonic() - began < 10
    agreement.probes.forget()
    assert agreement.probes.underway(ASK_DOCKER) > 0, "another generation of the mount changes nothing about Docker"
    agreement.probes.running[ASK_DOCKER].abandon()


def test_a_pause_that_ends_after_plex_was_let_go_is_taken_back(agreement: Agreement, tmp_path: Path) -> None:
    agreement.agree(True)
    ended(agreement.probes, TELL_DOCKER)
    assert (tmp_path / "told").exists()

    def agreed() -> bool:
        agreement.ask(time.monotonic())
        agreement.probes.collect()
        agreement.agree(False)
        return not (tmp_path / "told").exists()

    began = time.monotonic()
    until(agreed)
    assert time.monotonic() - began < 9, "as soon as Docker is heard of, and not with the next look after ten seconds"


@pytest.mark.parametrize(
    ("frozen", "told", "taken_back"),
    [
        (False, None, True),  # a pause came true though nobody tells Docker anything any more
        (False, (True, 0.0), True),  # a pause that is under way: Plex was let go meanwhile
        (False, (False, 0.0), False),  # Docker lets go, and needs a standstill for it
        (False, (False, STAND_STILL + 1), True),  # which does not last for ever
        (True, None, False),  # as it is wanted
    ],
)
def test_a_standstill_that_nobody_wants_is_taken_back(
    agreement: Agreement, plex: Docker, frozen: bool, told: tuple[bool, float] | None, taken_back: bool
) -> None:
    (plex.place / "freezer.self_freezing").write_text("1")
    if told:
        telling, for_seconds = told
        plex.late = 20.0
        plex.paused = not telling
        agreement.agree(telling)
        agreement.probes.running[TELL_DOCKER].started -= for_seconds
    assert agreement.hold(frozen) is taken_back
    assert (plex.place / "freezer.state").read_text() == ("THAWED" if taken_back else "0")
    for child in agreement.probes.running.values():
        child.abandon()


def test_what_docker_let_go_by_itself_is_frozen_again(agreement: Agreement, plex: Docker) -> None:
    assert agreement.hold(True)
    assert (plex.place / "freezer.state").read_text() == "FROZEN"


def test_what_was_ended_may_run_until_it_is_gone(agreement: Agreement, plex: Docker) -> None:
    plex.pid = agreement.ended = 4711
    assert not agreement.hold(True)
    agreement.agree(True)
    assert TELL_DOCKER not in agreement.probes.running
    plex.pid = 4712
    agreement.agree(True)
    assert agreement.hold(True), "what came after it stands still"


def test_what_was_ended_is_started_until_it_lives(agreement: Agreement, plex: Docker, tmp_path: Path) -> None:
    plex.living, plex.pid, agreement.ended = False, 4711, 4711
    for _ in range(2):
        agreement.told_at = 0.0
        agreement.agree(False)
        ended(agreement.probes, TELL_DOCKER)
        (tmp_path / "started").unlink()
    plex.living, plex.pid, agreement.told_at = True, 4712, 0.0
    agreement.agree(False)
    assert agreement.ended == 0
    plex.living, agreement.told_at = False, 0.0
    agreement.agree(False)
    assert TELL_DOCKER not in agreement.probes.running, "who stops it now wants it stopped"


@pytest.mark.parametrize(
    ("pid", "living", "started"),
    [
        # There is another one, which knows nothing of the mount's repair.
        (4712, True, False),
        # It ended and did not come up.
        (4711, False, True),
        # Docker did not do it: it stands still again, and the next proof asks anew.
        (4711, True, False),
    ],
)
def test_a_graceful_restart_is_docker_s_work_and_ends_one_way_or_the_other(
    agreement: Agreement, plex: Docker, pid: int, living: bool, started: bool
) -> None:
    plex.pid = 4711
    agreement.restart_gracefully()
    assert not agreement.hold(True), "what is to end has to run"
    agreement.agree(True)
    ended(agreement.probes, TELL_DOCKER)
    assert (plex.place / "restarted").exists()
    (plex.place / "restarted").unlink()
    plex.pid, plex.living, plex.paused, agreement.told_at = pid, living, True, 0.0
    agreement.agree(True)
    if started:
        ended(agreement.probes, TELL_DOCKER)
    assert (plex.place / "started").exists() is started
    assert not (plex.place / "restarted").exists(), "once is enough"
    assert (agreement.ended == 0) is not started
    assert agreement.hold(True) is not started
