"""The claim code by hand: asked for before anything is rented, renewed when Plex is to be started too late for it."""

from __future__ import annotations

import os
import pty
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wrapper import claim as claims
from wrapper.claim import Claim
from wrapper.exits import InputError
from wrapper.inventory import knows_account
from wrapper.playbook import Event, Outcome

CODE, OTHER = "claim-abcdefghijklmnop", "claim-qrstuvwxyz012345"


@dataclass
class Person:
    """Somebody at a terminal, with answers in order; None walks away."""

    answers: list[str | None]
    asked: list[str] = field(default_factory=list)

    def __call__(self, prompt: str, cancel: Callable[[], bool], seconds: float) -> str | None:
        self.asked.append(prompt)
        return None if cancel() else self.answers.pop(0)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def given(
    *answers: str | None, terminal: bool = True, clock: Clock | None = None, **environment: str
) -> tuple[Claim, Person]:
    person = Person(list(answers))
    return Claim(dict(environment), terminal, person, clock or Clock()), person


def test_a_token_fetches_codes_so_nobody_is_asked() -> None:
    claim, person = given(PLEX_TOKEN="a-token-of-the-account")
    claim.give_first()
    assert person.asked == []


def test_a_code_is_asked_for_until_it_looks_like_one() -> None:
    claim, person = given("hello", f"{CODE} ", CODE)
    claim.give_first()
    assert claim.environment["PLEX_CLAIM"] == CODE
    assert len(person.asked) == 3
    assert "https://plex.tv/claim" in person.asked[0]


def test_nobody_to_ask_is_refused_before_anything_is_rented() -> None:
    claim, _ = given(terminal=False)
    with pytest.raises(InputError, match=r"needs an account\. Set PLEX_TOKEN"):
        claim.give_first()


@pytest.mark.parametrize("answer", ["", None])
def test_no_answer_is_refused(answer: str | None) -> None:
    claim, _ = given(answer)
    with pytest.raises(InputError, match="No claim code was given"):
        claim.give_first()


def started(claim: Claim, playbook: str = "playbooks/plex.yml", cancel: bool = False) -> tuple[Outcome, list[Event]]:
    events: list[Event] = []

    def player(*_: Any, **__: Any) -> Outcome:
        return Outcome("successful", 0)

    outcome = claim.before(player)(playbook, Path(), Path(), {}, on_event=events.append, cancel=lambda: cancel)
    return outcome, events


@pytest.mark.parametrize(("age", "asked"), [(200, 0), (211, 1)])
def test_a_code_is_asked_for_again_when_it_is_too_old(age: float, asked: int) -> None:
    clock = Clock()
    claim, person = given(OTHER, clock=clock, PLEX_CLAIM=CODE)
    claim.give_first()
    clock.now += age
    assert started(claim)[0].ok
    assert (len(person.asked), claim.environment["PLEX_CLAIM"]) == (asked, OTHER if asked else CODE)


def test_whoever_asks_again_has_the_screen() -> None:
    clock, said = Clock(), list[str]()

    @contextmanager
    def aside() -> Iterator[None]:
        said.append("aside")
        yield
        said.append("back")

    claim, person = given(CODE, OTHER, clock=clock)
    claim.give_first()
    clock.now += 211
    person.asked = said

    def player(*_: Any, **__: Any) -> Outcome:
        return Outcome("successful", 0)

    play = claim.before(player, aside)
    play("playbooks/plex.yml", Path(), Path(), {}, on_event=lambda _: None, cancel=lambda: False)
    assert (said[0], said[-1], len(said)) == ("aside", "back", 3)


def test_only_the_start_of_plex_needs_it() -> None:
    clock = Clock()
    claim, person = given(clock=clock, PLEX_CLAIM=CODE)
    claim.give_first()
    clock.now += 9999
    assert started(claim, "playbooks/scan.yml")[0].ok
    assert person.asked == []


@pytest.mark.parametrize(("terminal", "answers"), [(False, []), (True, [None])])
def test_too_old_and_no_second_one_is_one_sentence_at_once(terminal: bool, answers: list[str | None]) -> None:
    clock = Clock()
    claim, _ = given(*answers, terminal=terminal, clock=clock, PLEX_CLAIM=CODE)
    claim.give_first()
    clock.now += 420
    outcome, (event,) = started(claim)
    assert outcome == Outcome("failed", 2)
    said = event["event_data"]["res"]["msg"]
    assert said.startswith("The claim code is 7 minutes old and valid for 4 only. Set PLEX_TOKEN")


def test_ctrl_c_at_the_second_prompt_cancels() -> None:
    clock = Clock()
    claim, _ = given(OTHER, clock=clock, PLEX_CLAIM=CODE)
    claim.give_first()
    clock.now += 420
    outcome, events = started(claim, cancel=True)
    assert (outcome.canceled, events) == (True, [])


@pytest.mark.parametrize(
    ("variables", "known"),
    [
        ({}, False),
        ({"burst_plex_token": "{{ lookup('ansible.builtin.env', 'PLEX_TOKEN') }}", "burst_plex_claim": ""}, False),
        ({"burst_plex_token": "in-plain"}, True),
        ({"burst_plex_claim": CODE}, True),
        ({"vault_plex_token": {"__ansible_vault": "..."}}, True),
    ],
)
def test_an_inventory_may_know_the_account(variables: dict[str, Any], known: bool) -> None:
    assert knows_account(variables) is known


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A real terminal as standard input; what a person types goes into the number."""
    person, ours = pty.openpty()
    with os.fdopen(ours, "r", encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stdin", stream)
        yield person
    os.close(person)


def test_a_line_is_read_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as person:
        os.write(person, f"{CODE}\n".encode())
        assert claims.ask("code: ", lambda: False, 5) == CODE


def test_a_terminal_that_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch):
        before = time.monotonic()
        assert claims.ask("code: ", lambda: False, 0.3) is None
        assert claims.ask("code: ", lambda: True, 0) is None
        assert time.monotonic() - before < 60
