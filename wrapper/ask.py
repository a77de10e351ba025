# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Play one playbook outside of any run and hand back what one of its modules found."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from wrapper import inventory
from wrapper.controller_log import MASK, secrets_of
from wrapper.exits import InputError
from wrapper.playbook import Event, Outcome, Play, play
from wrapper.progress import update


@dataclass
class Answer:
    """How it ended, what the module said each time it ran, and why it failed."""

    ok: bool
    results: Sequence[Mapping[str, Any]] = ()
    sentence: str = ""

    @property
    def result(self) -> Mapping[str, Any]:
        """What the module said last; empty if it never came to it."""
        return self.results[-1] if self.results else {}


@dataclass(frozen=True)
class Question:
    """A playbook, the module in it whose results are the answer, and the variables it is told.

    of_provider: it asks a provider, so that an inventory that rents nothing has no answer.
    """

    playbook: str
    module: str
    extravars: Mapping[str, Any]
    of_provider: bool = True


def ask(root: Path, given: str, question: Question, player: Play | None = None) -> Answer:
    """Play the question's playbook with the inventory `given` and return what its module said.

    InputError when the inventory rents nothing, because then there is nobody to ask.
    """
    where = inventory.load(given, root)
    if question.of_provider and not where.rents:
        raise InputError(f'The inventory "{given}" rents no machines; ask with --inventory scaleway.')
    failures: list[str] = []
    results: list[Mapping[str, Any]] = []

    def on_event(event: Event) -> None:
        data = event.get("event_data") or {}
        result = data.get("res") or {}
        ended = event.get("event") in {"runner_on_ok", "runner_on_failed", "runner_retry"}
        if ended and str(data.get("task_action", "")).endswith(question.module):
            results.append(result)
        change = update(event)
        if change is not None and change.kind == "failure":
            failures.append(change.text)

    player = player or partial(play, root=root, run_id=f"none-{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="plex-burst-") as place:
        outcome: Outcome = player(
            question.playbook,
            Path(place) / "stage",
            where.path,
            question.extravars,
            on_event=on_event,
            cancel=lambda: False,
        )
    sentence = "" if outcome.ok else (failures[-1] if failures else f"{question.playbook} ended with {outcome.status}")
    for secret in secrets_of(os.environ, where.secrets):
        sentence = sentence.replace(secret, MASK)
    return Answer(outcome.ok, results, sentence)
