"""What the guard decides, as tables: slow is not dead, S3 away is no dead mount, frozen before repaired."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from module_utils import guard_states as states
from module_utils.guard_states import Mind, Patience, Signs, step

CLOUD = Patience()
LOCAL = Patience(freeze_after=30, hang_after=120, s3_limit=14400)


class Play:
    """A guard at work on signs that a scenario makes up, a second a step."""

    def __init__(self, patience: Patience = CLOUD) -> None:
        self.patience = patience
        self.mind = Mind()
        self.at = 0.0
        self.done: list[tuple[float, str]] = []
        self.visited: list[str] = []
        self.proved: bool | None = None

    def look(self, **signs: Any) -> None:
        self.at += 1
        for _ in range(5):
            before = self.mind
            seen = Signs(at=self.at, proved=self.proved, **signs)
            self.mind, actions = step(before, seen, self.patience)
            self.done += [(self.at, action) for action in actions]
            if states.REPAIR in actions:
                self.proved = None
            if self.mind.state == before.state:
                return
            self.visited.append(self.mind.state)

    def count(self, action: str) -> int:
        return sum(done == action for _, done in self.done)

    def first(self, action: str) -> float:
        return next(at for at, done in self.done if done == action)


def healthy(patience: Patience = CLOUD) -> Play:
    play = Play(patience)
    play.look(listed=False)
    assert play.mind.state == states.PREWARM
    play.look()
    assert play.mind.state == states.HEALTHY
    return play


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ({"process": False}, states.DEAD),
        ({"covered": False}, states.DEAD),
        ({"statfs_misses": 2}, states.HUNG),
        ({"stalled": 34.0, "s3": True}, states.HUNG),
        ({"read_failures": 2, "s3": True}, states.HUNG),
    ],
)
def test_what_is_certain_freezes_before_it_repairs(signs: dict[str, Any], verdict: str) -> None:
    play = healthy()
    play.look(**signs)
    assert play.visited[-2:] == [verdict, states.REPAIRING]
    assert [action for _, action in play.done][:2] == [states.FREEZE, states.REPAIR]
    assert play.mind.frozen


@pytest.mark.parametrize(
    "signs",
    [{"statfs_misses": 1}, {"stalled": 5.0}, {"read_failures": 1}, {"stalled": 7.0, "s3": True}, {"s3": False}],
)
def test_what_is_odd_neither_freezes_nor_repairs(signs: dict[str, Any]) -> None:
    play = healthy()
    play.look(**signs)
    assert {states.FREEZE, states.REPAIR} & {action for _, action in play.done} == set()


def test_a_day_with_spikes_of_five_seconds_freezes_nothing() -> None:
    chooser = random.Random(5)
    play = healthy()
    reads = 0
    while play.at < 24 * 3600:
        play.at += chooser.expovariate(1 / 60)  # nothing happens meanwhile
        reads += 1
        play.look(reads=reads)
        for second in range(1, 7):
            # S3 is asked during the spike, too, and is late itself.
            play.look(stalled=float(second), reads=reads)
        play.look(reads=reads + 1, s3=True)
    assert (play.count(states.FREEZE), play.count(states.REPAIR)) == (0, 0)
    assert play.count(states.ASK_S3) > 100, "the spikes were seen"


def outage(play: Play, seconds: int, answer: Callable[[int], bool | None]) -> None:
    for second in range(1, seconds + 1):
        play.look(stalled=float(second), s3=answer(second))


def test_35_seconds_of_503_freeze_but_do_not_remount() -> None:
    play = healthy()
    began = play.at
    outage(play, 35, lambda second: None if second < 4 else False)
    assert play.mind.state == states.S3_DOWN
    assert play.first(states.FREEZE) - began <= 10
    for reads in (0, 0, 1, 2):
        play.look(s3=True, reads=reads)
    assert play.mind.state == states.HEALTHY
    assert not play.mind.frozen
    assert (play.count(states.FREEZE), play.count(states.THAW), play.count(states.REPAIR)) == (1, 1, 0)


def test_a_thaw_waits_for_a_cold_read() -> None:
    play = healthy()
    outage(play, 12, lambda second: False)
    for _ in range(60):
        play.look(s3=True, reads=0)
    assert play.mind.frozen, "that nothing waits any more proves nothing: what is frozen asks nothing"
    play.look(s3=True, reads=1)
    assert not play.mind.frozen


def test_a_black_hole_freezes_within_ten_seconds_and_is_repaired_when_s3_answers_others() -> None:
    play = healthy()
    began = play.at
    outage(play, 40, lambda second: True)
    assert play.first(states.FREEZE) - began <= 10
    assert 30 < play.first(states.REPAIR) - began <= 36


def test_without_an_answer_of_s3_the_mount_is_not_blamed() -> None:
    play = healthy()
    outage(play, 90, lambda second: None)
    assert (play.count(states.FREEZE), play.count(states.REPAIR)) == (1, 0)


def test_a_mount_that_hangs_after_s3_came_back_is_repaired() -> None:
    play = healthy()
    outage(play, 60, lambda second: False)
    assert play.count(states.REPAIR) == 0
    play.look(stalled=61.0, s3=True)
    assert play.count(states.REPAIR) == 1


def test_no_repair_while_another_is_under_way_and_thaw_only_after_the_proof() -> None:
    play = healthy()
    play.look(process=False)
    for _ in range(20):
        play.look(process=False, covered=False, statfs_misses=5)
    assert play.count(states.REPAIR) == 1
    assert play.count(states.THAW) == 0
    play.proved = True
    play.look()
    assert (play.mind.state, play.mind.frozen, play.count(states.THAW)) == (states.PROBATION, False, 1)
    for _ in range(61):
        play.look()
    assert (play.mind.state, play.mind.in_a_row) == (states.HEALTHY, 0)


@pytest.mark.parametrize(
    ("frozen", "signs", "state"),
    [
        (True, {"covered": False}, states.DEAD),
        # Nobody saw one before: it is about to come.
        (False, {"covered": False}, states.STARTING),
        # systemd starts the next one.
        (True, {"covered": False, "process": False}, states.STARTING),
        (True, {}, states.PREWARM),
    ],
)
def test_what_was_taken_away_while_no_guard_watched_is_not_waited_for(
    frozen: bool, signs: dict[str, bool], state: str
) -> None:
    mind, actions = step(Mind(frozen=frozen), Signs(at=1, **signs), CLOUD)
    assert (mind.state, actions) == (state, ())


def test_repairs_that_do_not_last_end_with_plex_frozen() -> None:
    play = healthy()
    play.look(process=False)
    for _ in range(60):
        play.proved = False
        play.look(s3=True)
    assert play.mind.state == states.GIVEN_UP
    assert play.mind.frozen
    assert "did not last" in play.mind.cause
    assert (play.count(states.REPAIR), play.count(states.GIVE_UP), play.count(states.THAW)) == (3, 1, 0)
    repairs = [at for at, action in play.done if action == states.REPAIR]
    assert repairs[2] - repairs[1] > repairs[1] - repairs[0] > 1, "later ones wait longer"


def test_a_generation_that_dies_or_hangs_as_it_is_proved_gives_way_to_the_next() -> None:
    play = healthy()
    play.look(process=False)
    for second in range(4):
        play.look(proving=1.0 + second, statfs_misses=2 * (second == 3))
    assert play.count(states.REPAIR) == 1, "the next one waits a moment"
    for _ in range(4):
        play.look()
    assert play.count(states.REPAIR) == 2


@pytest.mark.parametrize("proof", [None, False], ids=["under way", "failed"])
def test_s3_that_goes_away_during_a_proof_costs_no_repair_and_the_proof_comes_later(proof: bool | None) -> None:
    play = healthy()
    play.look(process=False)
    play.look(proving=5.0)
    assert play.done[-1][1] == states.ASK_S3
    play.proved = proof
    for _ in range(600):
        play.look(s3=False, proving=5.0)
    assert (play.mind.state, play.mind.frozen, play.count(states.REPAIR)) == (states.S3_DOWN, True, 1)
    play.proved = None
    play.look(s3=True, reads=5)
    assert (play.mind.state, play.count(states.THAW)) == (states.REPAIRING, 0), "bytes that come are no proof"
    play.proved = True
    play.look(s3=True)
    assert (play.mind.state, play.count(states.THAW)) == (states.PROBATION, 1)


def test_many_repairs_within_an_hour_end_it_even_when_each_lasts() -> None:
    play = healthy()
    for _ in range(7):
        play.look(process=False)
        play.proved = True
        for _ in range(100):
            play.look()
    assert play.mind.state == states.GIVEN_UP
    assert play.count(states.REPAIR) == CLOUD.repairs_an_hour


def test_s3_away_for_too_long_gives_up() -> None:
    play = healthy()
    outage(play, int(CLOUD.s3_limit) + 30, lambda second: False)
    assert play.mind.state == states.GIVEN_UP
    assert play.mind.frozen
    assert play.count(states.REPAIR) == 0


@pytest.mark.parametrize("seconds", [10, 25])
def test_a_home_line_gets_more_patience(seconds: int) -> None:
    play = healthy(LOCAL)
    outage(play, seconds, lambda second: False)
    assert play.count(states.FREEZE) == 0
    strict = healthy()
    outage(strict, seconds, lambda second: False)
    assert strict.count(states.FREEZE) == 1


def test_chance_never_leads_out_of_the_table() -> None:
    """Whatever the signs: no repair of a mount that was not frozen, no thaw of one that was not proved or read."""
    for seed in range(50):
        chooser = random.Random(seed)
        play = Play()
        reads = 0
        for _ in range(200):
            reads += chooser.random() < 0.5
            play.proved = chooser.choice([None, True, False])
            before = replace(play.mind)
            play.look(
                process=chooser.random() < 0.9,
                covered=chooser.random() < 0.9,
                statfs_misses=chooser.choice([0, 0, 0, 1, 2]),
                stalled=chooser.choice([0, 0, 4.0, 9.0, 40.0]),
                read_failures=chooser.choice([0, 0, 1, 2]),
                reads=reads,
                s3=chooser.choice([None, True, False]),
            )
            now = [action for at, action in play.done if at == play.at]
            if states.REPAIR in now:
                assert before.frozen or states.FREEZE in now[: now.index(states.REPAIR)]
            assert not (play.mind.state in (states.REPAIRING, states.S3_DOWN) and not play.mind.frozen)
