"""A player that needs no Ansible, and a view that remembers. Imported by path through conftest.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from module_utils import ledger
from wrapper.cancel import Cancel
from wrapper.playbook import Event, Outcome
from wrapper.progress import Update
from wrapper.stages import Stage
from wrapper.view import End

GOOD = Outcome("successful", 0)
BAD = Outcome("failed", 2)
CANCELED = Outcome("canceled", 254)
RUN_ID = "20260822T100000Z-0a1b"


def failure(message: str) -> Event:
    return {"event": "runner_on_failed", "event_data": {"task": "Do it", "res": {"msg": message}}}


def sample(verdict: str, done: int, message: str = "", section: str = "1", event: str = "runner_retry") -> Event:
    result = {
        "verdict": verdict,
        "done": done,
        "message": message,
        "invocation": {"module_args": {"phase": "sonic", "section": section}},
    }
    return {"event": event, "event_data": {"task": "Wait", "task_action": "plex_phase", "res": result}}


@dataclass
class Act:
    """What one stage does when it is played."""

    outcome: Outcome = GOOD
    events: Sequence[Event] = ()
    # How often somebody presses Ctrl-C while it runs; the player then asks cancel() as runner does.
    presses: int = 0
    raises: Exception | None = None


@dataclass
class FakePlayer:
    """Plays acts by the stage's name; a list is consumed attempt by attempt, its last act repeats."""

    run_dir: Path
    cancel: Cancel
    acts: Mapping[str, Act | list[Act]] = field(default_factory=dict)
    receipt: Mapping[str, Any] | None = field(default_factory=lambda: {"verdict": "done"})
    # Whether teardown writes the proof into the ledger, as the module does.
    proves: bool = True
    played: list[str] = field(default_factory=list)
    stage_dirs: list[str] = field(default_factory=list)

    def __call__(
        self,
        playbook: str,
        stage_dir: Path,
        inventory: Path,
        extravars: Mapping[str, Any],
        *,
        on_event: Callable[[Event], None],
        cancel: Callable[[], bool],
    ) -> Outcome:
        name = Path(playbook).stem
        self.played.append(name)
        self.stage_dirs.append(stage_dir.name)
        stage_dir.mkdir(parents=True)
        act = self._act(name)
        for event in act.events:
            on_event(event)
        if act.raises:
            raise act.raises
        for _ in range(act.presses):
            self.cancel.request()
        outcome = CANCELED if cancel() else act.outcome
        self._effect(name, outcome)
        return outcome

    def _act(self, name: str) -> Act:
        acts = self.acts.get(name, Act())
        if isinstance(acts, Act):
            return acts
        return acts.pop(0) if len(acts) > 1 else acts[0]

    def _effect(self, name: str, outcome: Outcome) -> None:
        if name == "provision":
            # The intent is written ahead, whether or not the machine then comes up.
            ledger.merge(self.run_dir, {"machine": {"intent": {"name": "plex-burst-x"}, "server_id": "s-1"}})
        if name == "export" and outcome.ok and self.receipt is not None:
            (self.run_dir / "receipt.json").write_text(json.dumps(self.receipt))
        if name == "teardown" and outcome.ok and self.proves:
            ledger.merge(self.run_dir, {"machine": {"gone_at": "2026-08-22T11:00:00Z", "proof": {"servers": 0}}})


@dataclass
class MemoryView:
    """Remembers what a person would have seen."""

    ended: list[tuple[str, End]] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    ticks: int = 0
    costs: list[str] = field(default_factory=list)

    def open(self, title: str, stages: Sequence[Stage]) -> None:
        self.notes.append(title)

    def begin(self, stage: Stage) -> None:
        return

    def show(self, update: Update) -> None:
        self.updates.append(update)

    def tick(self) -> None:
        self.ticks += 1

    def end(self, stage: Stage, end: End, seconds: float, detail: str = "") -> None:
        self.ended.append((stage.name, end))

    def spent(self, text: str) -> None:
        self.costs.append(text)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        return
