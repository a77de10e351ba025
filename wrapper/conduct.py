# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The order of a run: the work, and then, whatever happened, the logs home and the machine gone."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from module_utils import ledger
from wrapper import ballast, reach
from wrapper.budget import CAPPED, MONEY_IS_UP, SELF_ENDING, is_up, must_stop, paid_until
from wrapper.cancel import Cancel
from wrapper.ending import Ending, brings_home
from wrapper.machine import close, may_own_a_machine, teardown
from wrapper.performer import Performed, Performer
from wrapper.readings import EarlyEnd, early_end, entries
from wrapper.receipt import read_receipt
from wrapper.stages import COLLECT, EXPORT, PREFLIGHT, PROVISION, SCAN, SONIC, TEARDOWN, WORK, Stage, stages_for

# What is left to do about a machine that nobody could reach for hours; it hears nothing and ends itself in the end.
LEFT = "play playbooks/reopen.yml, then playbooks/export.yml, before its dead-man switch ends it, then wrapper destroy."


class Conductor:
    """One run: conduct() never raises, and never returns before the machine is gone or named."""

    def __init__(self, performer: Performer, cancel: Cancel, *, rents: bool, keep: bool = False) -> None:
        self._performer = performer
        self._cancel = cancel
        self._rents = rents
        self._keep = keep
        self.ending = Ending()

    @property
    def _run_dir(self) -> Path:
        return self._performer.run_dir

    def conduct(self) -> Ending:
        """Do the work, then close."""
        ballast.lay(self._run_dir)
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - whatever broke here, the machine must still go
            self._broke("the work", error)
        finally:
            self._close()
        return self.ending

    def _work(self) -> None:
        for stage in WORK:
            if stage.rented and not self._rents:
                continue
            if self._cancel.requested:
                self.ending.canceled_in = stage.name
                return
            if stage is SONIC and self._leaves_the_analysis_out():
                continue
            book = ledger.read(self._run_dir)
            ends_at, in_time = paid_until(book, stage), not is_up(book)
            done = self._reach(stage, partial(must_stop, self._cancel, ends_at))
            if done.end == "canceled":
                if self._stopped(stage, in_time=in_time):
                    continue
                return
            early = self._early(stage, done)
            if brings_home(stage, done, early):
                self.ending.early, self.ending.partial = early.verdict, early.sentence or done.sentence
            elif done.end == "failed":
                self._failed(stage, done, early)
                if self._out_of_reach or not (stage is SONIC and done.readings.progressed):
                    return
        self._believe(read_receipt(self._run_dir))

    @property
    def _out_of_reach(self) -> bool:
        """Whether nobody could reach the rented machine again, with the work on it."""
        return self._rents and any(done.unreachable for done in self.ending.performed.values())

    def _leaves_the_analysis_out(self) -> bool:
        """Whether a scan did not come to its end, or the money is used up; what there is comes home all the same."""
        if is_up(ledger.read(self._run_dir)):
            self.ending.early, self.ending.partial = CAPPED, f"{MONEY_IS_UP} before the analysis began"
        return self.ending.early == CAPPED or self.ending.performed[SCAN.name].end != "done"

    def _stopped(self, stage: Stage, *, in_time: bool) -> bool:
        """Somebody asked to stop, or the money is used up; whether there is something to bring home then."""
        if self._cancel.requested:
            self.ending.canceled_in = stage.name
            return False
        if stage in SELF_ENDING and in_time:
            self.ending.early, self.ending.partial = CAPPED, f"{MONEY_IS_UP}, and {stage.name} did not end by itself"
            return True
        self.ending.failed_stage, self.ending.early = stage.name, CAPPED
        self.ending.failure = f"{MONEY_IS_UP} in {stage.name}, before there was anything to bring home"
        return False

    def _failed(self, stage: Stage, done: Performed, early: EarlyEnd) -> None:
        """Remember the first failure: an export that brings home what a failed analysis left may fail, too."""
        if not self.ending.failure:
            self.ending.failed_stage, self.ending.failure = stage.name, done.sentence
            self.ending.early = early.verdict

    def _reach(self, stage: Stage, stop: Callable[[], bool]) -> Performed:
        """Perform a stage of the work; a rented machine that does not answer any more is waited for."""
        if not self._rents:
            return self._perform(stage, stop)
        done = self.ending.performed[stage.name] = reach.perform(self._performer, stage, stop)
        if done.unreachable:
            done.sentence += f"\nWhat it holds is not at home, so it is left running; {LEFT}"
        return done

    def _perform(self, stage: Stage, stop: Callable[[], bool]) -> Performed:
        performed = self._performer.perform(stage, stop)
        self.ending.performed[stage.name] = performed
        return performed

    def _early(self, stage: Stage, done: Performed) -> EarlyEnd:
        """Whether a phase ended before all was done; what is analysed until then is brought home all the same."""
        results = ledger.read(self._run_dir)["results"] if stage.phases else {}
        ends = [end for phase in stage.phases for end in entries(results.get(phase))]
        return early_end(ends) or done.readings.early

    def _believe(self, receipt: dict[str, Any]) -> None:
        """Done is what the receipt says, not that nothing failed."""
        verdict = receipt.get("verdict")
        # The last sentence is the verdict's; those before it tell of each section.
        sentence = str((receipt.get("sentences") or [""])[-1])
        if verdict == "partial":
            self.ending.partial = self.ending.partial or sentence or "the receipt says partial"
        elif verdict != "done" and not self.ending.failure:
            self.ending.failed_stage = EXPORT.name
            self.ending.failure = sentence or f"{EXPORT.name} left no receipt that says done in {self._run_dir}."

    def _close(self) -> None:
        """Logs home, machine gone, ledger closed; each even if the one before broke."""
        ballast.drop(self._run_dir)
        try:
            self._collect()
        except Exception as error:  # noqa: BLE001 - logs are not worth a machine
            self._performer.log.write(f"{COLLECT.name} broke: {error}\n{traceback.format_exc()}")
        try:
            self._settle_machine()
        except Exception as error:  # noqa: BLE001 - what is unknown here may be running, and is said to be
            self.ending.machine = "may be running"
            self._broke("the teardown", error)
        self._write_end()

    def _collect(self) -> None:
        """Once a machine (or the local target) was reached there are logs; a further Ctrl-C skips them."""
        gate = PROVISION if self._rents else PREFLIGHT
        reached = self.ending.performed.get(gate.name)
        if reached is None or reached.end != "done":
            return
        before = self._cancel.count
        performed = self._perform(COLLECT, lambda: self._cancel.count > before)
        if performed.end != "done":
            self._performer.note(f"The logs did not come home ({performed.sentence or performed.end}); going on.")

    def _settle_machine(self) -> None:
        if not self._rents or not may_own_a_machine(ledger.read(self._run_dir)):
            return
        leave = self._out_of_reach or (self._keep and self.ending.verdict != "canceled")
        if leave and ledger.may_be_running(ledger.read(self._run_dir)):
            self.ending.machine = "kept"
            return
        performed, self.ending.machine = teardown(self._performer, self._cancel)
        self.ending.performed[TEARDOWN.name] = performed
        if self.ending.machine == "may be running" and not self.ending.failure:
            self.ending.failed_stage = TEARDOWN.name
            self.ending.failure = performed.sentence or "the teardown ended without a proof that the machine is gone"

    def _mark_skipped(self) -> None:
        """What was never begun is said to be so, not left to be guessed."""
        known = {entry["stage"] for entry in ledger.read(self._run_dir)["stages"]}
        for stage in stages_for(rents=self._rents):
            if stage.name not in known:
                self._performer.mark(stage, "skipped")

    def _broke(self, what: str, error: Exception) -> None:
        self._performer.log.write(f"{what} broke: {error}\n{traceback.format_exc()}")
        if not self.ending.failure:
            self.ending.failed_stage, self.ending.failure = "wrapper", f"{type(error).__name__}: {error}"

    def _write_end(self) -> None:
        result = {
            "verdict": self.ending.verdict,
            "code": self.ending.code,
            "sentence": self.ending.failure or self.ending.partial,
        }
        try:
            self._mark_skipped()
            close(self._run_dir, {"results": {"run": result}}, machine=self.ending.machine)
        except (ledger.LedgerError, OSError) as error:
            self._performer.note(f"The end of the run could not be written down: {error}")
