"""A machine that does not answer any more: waited for, let in again, gone on with; left running rather than lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from tests.unit.wrapper.stand_ins import BAD, RUN_ID, Act, FakePlayer, MemoryView, failure, sample
from wrapper import exits, reach
from wrapper.cancel import Cancel
from wrapper.conduct import Conductor
from wrapper.controller_log import ControllerLog
from wrapper.ending import Ending
from wrapper.performer import Performer
from wrapper.playbook import Outcome

WORK = ["preflight", "provision", "mount", "restore", "plex", "scan", "sonic", "export"]
AWAY = Act(
    BAD, [{"event": "runner_on_unreachable", "event_data": {"host": "burst-target", "res": {"msg": "timed out"}}}]
)
FAILS = Act(BAD, [failure("It broke.")])


@dataclass
class Remembers(FakePlayer):
    """Remembers what each stage was told, and may have somebody press Ctrl-C after a stage."""

    told: list[tuple[str, bool]] = field(default_factory=list)
    presses_after: str = ""

    def __call__(
        self, playbook: str, stage_dir: Path, inventory: Path, extravars: Mapping[str, Any], **more: Any
    ) -> Outcome:
        name = Path(playbook).stem
        self.told.append((name, bool(extravars.get("burst_resumed"))))
        outcome = super().__call__(playbook, stage_dir, inventory, extravars, **more)
        if name == self.presses_after:
            self.cancel.request()
        return outcome


@dataclass
class Played:
    ending: Ending
    player: Remembers
    view: MemoryView


def conduct(
    tmp_path: Path, acts: Mapping[str, Act | list[Act]], *, rents: bool = True, presses_after: str = ""
) -> Played:
    run_dir = ledger.create(tmp_path / "runs", RUN_ID, inventory="lab")
    cancel = Cancel()
    player, view = Remembers(run_dir, cancel, acts, presses_after=presses_after), MemoryView()
    with ControllerLog(run_dir) as log:
        performer = Performer(run_dir, Path("inventory.yml"), {}, player, view, log)
        return Played(Conductor(performer, cancel, rents=rents).conduct(), player, view)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "FIRST_PAUSE", 0.0)


@pytest.mark.parametrize("stage", ["scan", "sonic", "export"])
def test_a_stage_goes_on_once_its_machine_answers(tmp_path: Path, stage: str) -> None:
    played = conduct(tmp_path, {stage: [AWAY, AWAY, Act()], "reopen": [FAILS, FAILS, Act()]})
    at = WORK.index(stage)
    again = ["reopen", "reopen", "reopen", stage, "reopen", stage]
    assert played.player.played == [*WORK[: at + 1], *again, *WORK[at + 1 :], "collect", "teardown"]
    assert [resumed for name, resumed in played.player.told if name == stage] == [False, True, True]
    assert {name for name, resumed in played.player.told if resumed} == {stage}
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")
    assert any("waiting for it" in note for note in played.view.notes)


@pytest.mark.parametrize("stage", ["scan", "sonic", "export"])
def test_what_nobody_can_reach_is_not_destroyed(tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.0)
    played = conduct(tmp_path, {stage: AWAY, "reopen": FAILS, "collect": AWAY})
    assert "teardown" not in played.player.played
    assert (played.ending.code, played.ending.machine) == (exits.MAY_BE_RUNNING, "kept")
    assert played.ending.failed_stage == stage
    assert "playbooks/reopen.yml" in played.ending.failure


def test_nobody_waits_twice_for_what_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.0)
    away = Act(BAD, [sample("waiting", 40), sample("waiting", 51), *AWAY.events])
    played = conduct(tmp_path, {"sonic": away, "reopen": FAILS})
    assert played.player.played[-3:] == ["sonic", "reopen", "collect"]
    assert played.ending.machine == "kept"


def test_a_stage_that_holds_nothing_yet_is_not_waited_for(tmp_path: Path) -> None:
    played = conduct(tmp_path, {"mount": AWAY})
    assert "reopen" not in played.player.played
    assert (played.ending.code, played.ending.machine) == (exits.FAILED, "gone")


def test_a_machine_of_ones_own_has_no_door(tmp_path: Path) -> None:
    played = conduct(tmp_path, {"sonic": AWAY}, rents=False)
    assert "reopen" not in played.player.played
    assert played.ending.code == exits.FAILED


def test_a_failure_of_another_kind_is_one(tmp_path: Path) -> None:
    played = conduct(tmp_path, {"sonic": [AWAY, FAILS]})
    assert (played.ending.code, played.ending.failure, played.ending.machine) == (exits.FAILED, "It broke.", "gone")


def test_waiting_can_be_ended(tmp_path: Path) -> None:
    played = conduct(tmp_path, {"sonic": AWAY, "reopen": FAILS}, presses_after="reopen")
    assert played.player.played[-3:] == ["reopen", "collect", "teardown"]
    assert (played.ending.code, played.ending.machine) == (exits.CANCELED, "gone")


def test_the_pauses_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "FIRST_PAUSE", 30.0)
    given = reach.pauses()
    assert [next(given) for _ in range(7)] == [30, 60, 120, 240, 480, 600, 600]
