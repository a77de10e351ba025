# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plays one stage: ledger before and after, events to the view and the log, the reason if it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from module_utils import ledger
from module_utils.prices import euros, spent
from wrapper.controller_log import ControllerLog
from wrapper.overhead import Waited
from wrapper.playbook import Event, Outcome, Play
from wrapper.progress import Update, update
from wrapper.readings import Readings
from wrapper.stages import Stage
from wrapper.view import End, View

# How often the view learns what the machine has cost.
COST_SECONDS = 5.0
# Modules whose failure is a sentence that somebody wrote for a person.
AUTHORED = frozenset({"assert", "fail"})


@dataclass
class Performed:
    """How a stage ended. sentence: why it failed; waited: for others; readings: what its samples said.

    unreachable: it failed because its machine did not answer, and is worth waiting for.
    """

    end: End = "failed"
    sentence: str = ""
    seconds: float = 0.0
    waited: Waited = field(default_factory=Waited)
    readings: Readings = field(default_factory=Readings)
    unreachable: bool = False


@dataclass
class Performer:
    """Everything a stage needs that does not change during a run."""

    run_dir: Path
    inventory: Path
    extravars: Mapping[str, Any]
    play: Play
    view: View
    log: ControllerLog
    _warned: set[str] = field(default_factory=set)
    _tell_cost_at: float = 0.0

    def perform(self, stage: Stage, stop: Callable[[], bool], more: Mapping[str, Any] | None = None) -> Performed:
        """Play the stage, again if it may be tried again; stop is asked several times a second; more: variables."""
        started = time.monotonic()
        self.view.begin(stage)
        self.mark(stage, "running")
        performed, waited = Performed(), 0.0
        for attempt in range(1, stage.attempts + 1):
            performed = self._attempt(stage, stop, {**self.extravars, **(more or {})})
            waited += performed.waited.seconds
            if performed.end != "failed" or performed.unreachable or attempt == stage.attempts:
                break
            self.note(f"{stage.name} failed: {performed.sentence}\nTrying {stage.name} once more.")
        performed.seconds = time.monotonic() - started
        state = "done" if performed.end == "done" else "failed"
        detail = "canceled" if performed.end == "canceled" else performed.sentence
        self.mark(stage, state, detail, performed.seconds, max(0.0, performed.seconds - waited))
        self.view.end(stage, performed.end, performed.seconds, performed.sentence)
        self.log.write(f"{stage.name}: {performed.end} after {performed.seconds:.1f} s")
        return performed

    def mark(
        self, stage: Stage, state: str, detail: str = "", seconds: float | None = None, ours: float | None = None
    ) -> None:
        """Write the state of a stage into the ledger; ours: seconds of it that were nobody else's."""
        now = ledger.utc_text(datetime.now(UTC))
        stages = list(ledger.read(self.run_dir)["stages"])
        before: dict[str, Any] = next((entry for entry in stages if entry["stage"] == stage.name), {})
        running = state == "running"
        entry = {
            "stage": stage.name,
            "state": state,
            "started_at": now if running else before.get("started_at"),
            "finished_at": None if running else now,
            "seconds": None if seconds is None else round(seconds, 1),
            "overhead_seconds": None if ours is None else round(ours, 1),
            "detail": self.log.masked(detail),
        }
        if before:
            stages[stages.index(before)] = entry
        else:
            stages.append(entry)
        ledger.merge(self.run_dir, {"stages": stages})

    def note(self, text: str) -> None:
        """Say it on the screen and in the log."""
        self.view.note(self.log.masked(text))
        self.log.write(text)

    def _attempt(self, stage: Stage, stop: Callable[[], bool], extravars: Mapping[str, Any]) -> Performed:
        performed = Performed()
        failures: list[Update] = []

        def on_event(event: Event) -> None:
            performed.waited.add(event)
            performed.unreachable |= event.get("event") == "runner_on_unreachable"
            change = update(event)
            if change is None:
                return
            performed.readings.add(change)
            if change.kind == "failure":
                failures.append(change)
            self.log.write(f"{stage.name}: {change.kind}: {change.text}")
            if change.text not in self._warned:
                self.view.show(_masked(change, self.log))
            if change.kind == "warning":
                # Ansible repeats itself in every stage.
                self._warned.add(change.text)

        def heartbeat() -> bool:
            if time.monotonic() >= self._tell_cost_at:
                self._tell_cost_at = time.monotonic() + COST_SECONDS
                self._tell_cost()
            self.view.tick()
            return stop()

        stage_dir = self._stage_dir(stage)
        self.log.write(f"{stage.name}: {stage.playbook}, Ansible's own output is in {stage_dir}/artifacts/play/stdout")
        outcome = self.play(stage.playbook, stage_dir, self.inventory, extravars, on_event=on_event, cancel=heartbeat)
        performed.end = "done" if outcome.ok else "canceled" if outcome.canceled else "failed"
        performed.unreachable &= stage.resumable and performed.end == "failed"
        if performed.end == "failed":
            performed.sentence = self.log.masked(_reason(stage, failures, outcome, stage_dir))
        return performed

    def _tell_cost(self) -> None:
        so_far = spent(ledger.read(self.run_dir)["machine"], datetime.now(UTC))
        if so_far is not None:
            self.view.spent(f"{euros(so_far)} so far")

    def _stage_dir(self, stage: Stage) -> Path:
        """A directory that was never used, numbered in the order of playing."""
        stages_dir = self.run_dir / "stages"
        stages_dir.mkdir(mode=0o700, exist_ok=True)
        begun = [path.name.partition("-")[0] for path in stages_dir.iterdir()]
        numbers = [int(number) for number in begun if number.isdecimal()]
        return stages_dir / f"{max(numbers, default=0) + 1:02}-{stage.name}"


def _reason(stage: Stage, failures: list[Update], outcome: Outcome, stage_dir: Path) -> str:
    """Which of the failures is the reason.

    What somebody wrote for this very case, if anybody did: a rescue adds evidence and then fails with a sentence.
    Else the first, because what fails after it, in an `always`, is mostly its consequence.
    """
    written = [failure.text for failure in failures if failure.action in AUTHORED]
    if written:
        return written[-1]
    if failures:
        first, last = failures[0].text, failures[-1].text
        return first if first == last else f"{first}\nAfterwards: {last}"
    output = stage_dir / "artifacts" / "play" / "stdout"
    said = output.read_text(errors="replace").splitlines() if output.exists() else []
    last_line = next((f": {line.strip()}" for line in reversed(said) if line.strip()), "")
    return f"{stage.playbook} ended with {outcome.status}, exit code {outcome.rc}{last_line}"


def _masked(change: Update, log: ControllerLog) -> Update:
    return Update(change.kind, log.masked(change.text), change.task, change.action, change.result)
