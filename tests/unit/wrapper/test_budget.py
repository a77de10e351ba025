"""--max-eur: the run comes home for the money, or ends before it has anything, and says which."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from tests.unit.wrapper.stand_ins import FakePlayer
from tests.unit.wrapper.theatre import Theatre
from wrapper import budget, cli, exits, plan
from wrapper.exits import InputError
from wrapper.playbook import Outcome
from wrapper.stages import EXPORT, SCAN, SONIC, TEARDOWN, WORK

AGO = "2026-08-22T10:00:00Z"


@dataclass
class PayingPlayer(FakePlayer):
    """Provision writes down until when the money lasts; `spends` is the stage in which it runs out."""

    spends: str = ""

    def _effect(self, name: str, outcome: Outcome) -> None:
        super()._effect(name, outcome)
        if name == "provision":
            price = {"hourly": 0.4, "source": "a test"}
            self._write({"work_ends_at": time.time() + 3600, "price": price, "intent": {"name": "x", "at": AGO}})
        if name == self.spends:
            self._write({"work_ends_at": time.time() - 1})

    def _write(self, machine: dict[str, Any]) -> None:
        ledger.merge(self.run_dir, {"machine": machine})


class Clock:
    """The time as the budget sees it: hours pass when they are told to."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        return time.time() + self.ahead


@dataclass
class HangingPlayer(PayingPlayer):
    """The stage does not see that the money is used up: it ends when it is stopped, or not at all."""

    clock: Clock = field(default_factory=Clock)

    def __call__(self, playbook: str, *given: Any, cancel: Callable[[], bool], **more: Any) -> Outcome:
        if Path(playbook).stem == self.spends:
            self.clock.ahead = 3600 + budget.GRACE - 60
            assert not cancel(), "it has a while to end by itself"
            self.clock.ahead += 61
            assert cancel()
        return super().__call__(playbook, *given, cancel=cancel, **more)


@pytest.mark.parametrize("spends", ["mount", "plex"])
def test_before_there_is_anything_to_bring_home(theatre: Theatre, spends: str) -> None:
    run = theatre.play(kind=PayingPlayer, spends=spends)
    ending, played = run.ending, run.stages
    assert (ending.verdict, ending.code, ending.machine) == ("capped", exits.CAPPED, "gone")
    assert "before there was anything to bring home" in ending.failure
    assert played[-1] == "teardown"
    assert "export" not in played


def test_after_the_scan_the_analysis_is_left_out_and_the_rest_comes_home(theatre: Theatre) -> None:
    run = theatre.play(kind=PayingPlayer, spends="scan")
    ending, played = run.ending, run.stages
    assert (ending.verdict, ending.code) == ("capped", exits.CAPPED)
    assert played[-3:] == ["export", "collect", "teardown"]
    assert "sonic" not in played


@pytest.mark.parametrize("stage", ["scan", "sonic"])
def test_a_phase_that_does_not_see_the_end_of_the_money_is_stopped_and_comes_home(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    clock = Clock()
    monkeypatch.setattr(budget, "time", clock)
    run = theatre.play(kind=HangingPlayer, spends=stage, clock=clock)
    ending, played = run.ending, run.stages
    assert (ending.verdict, ending.code, ending.machine) == ("capped", exits.CAPPED, "gone")
    assert played[-4:] == [stage, "export", "collect", "teardown"]


def test_money_that_lasts_changes_nothing_and_the_view_says_what_was_spent(
    theatre: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wrapper.performer.COST_SECONDS", 0)
    run = theatre.play(kind=PayingPlayer)
    ending, played, view = run.ending, run.stages, run.view
    assert ending.verdict == "done"
    assert played == [*(stage.name for stage in WORK), "collect", "teardown"]
    assert view.costs
    assert view.costs[-1].endswith("EUR so far")


def test_scan_and_analysis_end_by_themselves_and_the_way_home_is_never_cut() -> None:
    later, past = {"machine": {"work_ends_at": time.time() + 60}}, {"machine": {"work_ends_at": time.time() - 60}}
    assert budget.paid_until(later, EXPORT) == float("inf")
    for stage in (SCAN, SONIC):
        assert budget.paid_until(later, stage) == later["machine"]["work_ends_at"] + budget.GRACE
    assert budget.paid_until(later, WORK[2]) == later["machine"]["work_ends_at"]
    assert budget.paid_until(past, SCAN) < time.time()
    assert budget.paid_until(past, EXPORT) == float("inf")
    assert TEARDOWN not in WORK


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf"])
def test_money_that_pays_for_nothing_is_refused(given: str) -> None:
    asked = cli.parser().parse_args(["run", "--inventory", "lab", "--max-eur", given])
    with pytest.raises(InputError, match=r"--max-eur .* pays for nothing"):
        plan.plan(asked, cli.ROOT)
