"""--max-eur: the run comes home for the money, or ends before it has anything, and says which."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from tests.unit.wrapper.stand_ins import RUN_ID, Act, FakePlayer, MemoryView
from wrapper import budget, cli, exits, plan
from wrapper.cancel import Cancel
from wrapper.conduct import Conductor
from wrapper.controller_log import ControllerLog
from wrapper.ending import Ending
from wrapper.exits import InputError
from wrapper.performer import Performer
from wrapper.playbook import Outcome
from wrapper.stages import EXPORT, SCAN, SONIC, TEARDOWN, WORK

AGO = "2026-08-22T10:00:00Z"


class PayingPlayer(FakePlayer):
    """Provision writes down until when the money lasts; `spends` is the stage in which it runs out."""

    spends = ""
    lasts = 3600.0

    def _effect(self, name: str, outcome: Any) -> None:
        super()._effect(name, outcome)
        if name == "provision":
            price = {"hourly": 0.4, "source": "a test"}
            self._write({"work_ends_at": time.time() + self.lasts, "price": price, "intent": {"name": "x", "at": AGO}})
        if name == self.spends:
            self._write({"work_ends_at": time.time() - 1})

    def _write(self, machine: dict[str, Any]) -> None:
        ledger.merge(self.run_dir, {"machine": machine})


class HangingPlayer(PayingPlayer):
    """The stage does not see that the money is used up: it ends when it is stopped, or not at all."""

    def __call__(self, playbook: str, *given: Any, cancel: Callable[[], bool], **more: Any) -> Outcome:
        if Path(playbook).stem == self.spends:
            self._write({"work_ends_at": time.time() - 1})
            while not cancel():
                time.sleep(0.01)
        return super().__call__(playbook, *given, cancel=cancel, **more)


def conducted(
    tmp_path: Path, spends: str, kind: type[PayingPlayer] = PayingPlayer, lasts: float = 3600
) -> tuple[Ending, list[str], MemoryView]:
    run_dir = ledger.create(tmp_path, RUN_ID)
    cancel, view = Cancel(), MemoryView()
    player = kind(run_dir, cancel, {name: Act() for name in ("preflight",)})
    player.spends, player.lasts = spends, lasts
    with ControllerLog(run_dir) as log:
        performer = Performer(run_dir, tmp_path, {}, player, view, log)
        ending = Conductor(performer, cancel, rents=True).conduct()
    return ending, player.played, view


@pytest.mark.parametrize("spends", ["mount", "plex"])
def test_before_there_is_anything_to_bring_home(tmp_path: Path, spends: str) -> None:
    ending, played, _ = conducted(tmp_path, spends)
    assert (ending.verdict, ending.code, ending.machine) == ("capped", exits.CAPPED, "gone")
    assert "before there was anything to bring home" in ending.failure
    assert played[-1] == "teardown"
    assert "export" not in played


def test_after_the_scan_the_analysis_is_left_out_and_the_rest_comes_home(tmp_path: Path) -> None:
    ending, played, _ = conducted(tmp_path, "scan")
    assert (ending.verdict, ending.code) == ("capped", exits.CAPPED)
    assert played[-3:] == ["export", "collect", "teardown"]
    assert "sonic" not in played


@pytest.mark.parametrize("stage", ["scan", "sonic"])
def test_a_phase_that_does_not_see_the_end_of_the_money_is_stopped_and_comes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    monkeypatch.setattr(budget, "GRACE", 0.2)
    ending, played, _ = conducted(tmp_path, stage, HangingPlayer, lasts=1.0)
    assert (ending.verdict, ending.code, ending.machine) == ("capped", exits.CAPPED, "gone")
    assert played[-4:] == [stage, "export", "collect", "teardown"]


def test_money_that_lasts_changes_nothing_and_the_view_says_what_was_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wrapper.performer.COST_SECONDS", 0)
    ending, played, view = conducted(tmp_path, "")
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
