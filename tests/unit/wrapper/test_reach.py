"""A machine that does not answer any more: waited for, let in again, gone on with; left running rather than lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.unit.wrapper.stand_ins import BAD, Act, FakePlayer, failure, sample
from tests.unit.wrapper.theatre import Played, Theatre
from wrapper import exits, reach
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


def told(played: Played) -> list[tuple[str, bool]]:
    assert isinstance(played.player, Remembers)
    return played.player.told


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "FIRST_PAUSE", 0.0)


@pytest.mark.parametrize("stage", ["scan", "sonic", "export"])
def test_a_stage_goes_on_once_its_machine_answers(theatre: Theatre, stage: str) -> None:
    played = theatre.play(kind=Remembers, acts={stage: [AWAY, AWAY, Act()], "reopen": [FAILS, FAILS, Act()]})
    at = WORK.index(stage)
    again = ["reopen", "reopen", "reopen", stage, "reopen", stage]
    assert played.stages == [*WORK[: at + 1], *again, *WORK[at + 1 :], "collect", "teardown"]
    assert [resumed for name, resumed in told(played) if name == stage] == [False, True, True]
    assert {name for name, resumed in told(played) if resumed} == {stage}
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")
    assert any("waiting for it" in note for note in played.view.notes)


@pytest.mark.parametrize("stage", ["scan", "sonic", "export"])
def test_what_nobody_can_reach_is_not_destroyed(theatre: Theatre, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.0)
    played = theatre.play({stage: AWAY, "reopen": FAILS, "collect": AWAY})
    assert "teardown" not in played.stages
    assert (played.ending.code, played.ending.machine) == (exits.MAY_BE_RUNNING, "kept")
    assert played.ending.failed_stage == stage
    assert "playbooks/reopen.yml" in played.ending.failure


def test_nobody_waits_twice_for_what_cannot_be_reached(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.0)
    away = Act(BAD, [sample("waiting", 40), sample("waiting", 51), *AWAY.events])
    played = theatre.play({"sonic": away, "reopen": FAILS})
    assert played.stages[-3:] == ["sonic", "reopen", "collect"]
    assert played.ending.machine == "kept"


def test_a_stage_that_holds_nothing_yet_is_not_waited_for(theatre: Theatre) -> None:
    played = theatre.play({"mount": AWAY})
    assert "reopen" not in played.stages
    assert (played.ending.code, played.ending.machine) == (exits.FAILED, "gone")


def test_a_machine_of_ones_own_has_no_door(theatre: Theatre) -> None:
    played = theatre.play({"sonic": AWAY}, rents=False)
    assert "reopen" not in played.stages
    assert played.ending.code == exits.FAILED


def test_a_failure_of_another_kind_is_one(theatre: Theatre) -> None:
    played = theatre.play({"sonic": [AWAY, FAILS]})
    assert (played.ending.code, played.ending.failure, played.ending.machine) == (exits.FAILED, "It broke.", "gone")


def test_waiting_can_be_ended(theatre: Theatre) -> None:
    played = theatre.play({"sonic": AWAY, "reopen": FAILS}, kind=Remembers, presses_after="reopen")
    assert played.stages[-3:] == ["reopen", "collect", "teardown"]
    assert (played.ending.code, played.ending.machine) == (exits.CANCELED, "gone")


def test_the_pauses_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "FIRST_PAUSE", 30.0)
    given = reach.pauses()
    assert [next(given) for _ in range(7)] == [30, 60, 120, 240, 480, 600, 600]
