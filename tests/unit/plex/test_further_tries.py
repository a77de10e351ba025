"""Ends that were seen, further tries, and the ends that no phase outlives."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from module_utils.judgement import cut_off, judge, report
from module_utils.verdicts import (
    CANCELLED,
    CAPPED,
    DONE,
    FAILED,
    MOUNT_LOST,
    PARTIAL,
    STALLED,
    WAITING,
    Judgement,
    Thresholds,
)
from tests.unit.plex.series import PATIENCE, Sample, end, sample, series
from tests.unit.plex.test_judgement_sonic import STUCK, idle, working

SOON = dataclasses.replace(PATIENCE, settled_seconds=40)


def judged(lines: list[Sample], patience: Thresholds = SOON) -> Judgement:
    return judge("sonic", lines, patience, end(lines))


@pytest.mark.parametrize(
    ("steps", "expected", "retry"),
    [
        # The work was seen and stayed away: an end, long before a stall.
        ([working(30), *[idle(30)] * 3], WAITING, False),
        ([working(30), *[idle(30)] * 4], PARTIAL, True),
        # Never seen at work: only the stall time tells.
        ([*[idle(20)] * 11], WAITING, False),
        ([*[idle(20)] * 13], STALLED, True),
        # Hanging work is not an end.
        ([working(30), *[STUCK] * 11], WAITING, False),
        ([working(30), *[STUCK] * 12], STALLED, True),
        # A pause shorter than the settling, again and again.
        ([working(30), *[idle(30)] * 3, working(31), *[idle(31)] * 3, working(32)], WAITING, False),
        ([working(30), idle(30) | {"container": "exited", "http": 0}, {"container": "exited"}], FAILED, True),
    ],
)
def test_an_end_that_was_seen_needs_less_patience_than_silence(steps: list[Sample], expected: str, retry: bool) -> None:
    told_now = judged(series(*steps))
    assert (told_now.verdict, told_now.retry) == (expected, retry)


def again(*before: Sample, after: list[Sample]) -> list[Sample]:
    """A series with a further try after the first steps."""
    lines = series(*before, {**before[-1], "kind": "retry"})
    start = end(lines)
    return [*lines, *(sample(start + 10 * n, **dict(step)) for n, step in enumerate(after, 1))]


def test_a_further_try_begins_with_full_patience() -> None:
    stalled = [idle(20)] * 13
    assert judged(again(*stalled, after=[idle(20)] * 11)).verdict == WAITING
    over = judged(again(*stalled, after=[idle(20)] * 13))
    assert over.verdict == STALLED
    assert "(begun again once)" in over.message


def test_trying_again_helps_as_long_as_a_try_gains_tracks() -> None:
    first = [working(30), *[idle(30)] * 4]
    gained = judged(again(*first, after=[working(40), *[idle(40)] * 4]))
    assert (gained.verdict, gained.retry) == (PARTIAL, True)
    nothing = judged(again(*first, after=[working(30), *[idle(30)] * 4]))
    assert (nothing.verdict, nothing.retry, nothing.left) == (PARTIAL, False, 32)


def test_a_server_that_stays_frozen_has_lost_its_mount() -> None:
    patience = dataclasses.replace(PATIENCE, frozen_seconds=300)
    frozen: Sample = {**STUCK, "container": "paused", "http": 0}
    for phase in ("sonic", "scan", "stabilise"):
        lines = series(working(30), *[frozen] * 30)
        assert judge(phase, lines, patience, end(lines)).verdict == WAITING
        assert judge(phase, lines, patience, end(lines) + 10).verdict == MOUNT_LOST
    thawed = series(working(30), *[frozen] * 40, working(31))
    assert judge("sonic", thawed, patience, end(thawed)).verdict == WAITING


def test_a_mount_that_the_guard_gave_up_is_lost_at_once() -> None:
    frozen: Sample = {**STUCK, "container": "paused", "http": 0, "given_up": "S3 did not answer for 1800 s"}
    for phase, samples in itertools.product(("sonic", "scan", "stabilise"), (1, 2)):
        lines = series(working(30), *[frozen] * samples)
        given_up = judge(phase, lines, PATIENCE, end(lines))
        assert given_up.verdict == MOUNT_LOST
        assert "because S3 did not answer" in given_up.message


def test_a_long_freeze_that_is_allowed_is_no_stall() -> None:
    patience = dataclasses.replace(PATIENCE, frozen_seconds=1e6, timeout_seconds=0)
    frozen: Sample = {**STUCK, "container": "paused", "http": 0}
    for phase in ("sonic", "scan", "stabilise"):
        lines = series(working(30), *[frozen] * int(3 * PATIENCE.stall_seconds / 10))
        assert judge(phase, lines, patience, end(lines)).verdict == WAITING, phase


def test_what_is_not_done_when_the_money_is_used_up_is_capped() -> None:
    lines = series(working(30), working(40))
    patience = dataclasses.replace(PATIENCE, ended_at=end(lines))
    capped = judge("sonic", lines, patience, end(lines))
    assert (capped.verdict, capped.left, capped.eta_seconds) == (CAPPED, 22, None)
    assert judge("sonic", lines, patience, end(lines) - 1).verdict == WAITING
    lines = series(working(30), working(62))
    assert judge("sonic", lines, patience, end(lines)).verdict == DONE


def test_what_was_still_waited_for_at_the_end_of_the_stage_was_cancelled() -> None:
    lines = series(working(30))
    over = cut_off(report("sonic", lines, PATIENCE, end(lines)))
    assert (over["verdict"], over["finished"], over["result"]["verdict"]) == (CANCELLED, True, CANCELLED)
    assert over["message"].startswith("cut off: 30/62 tracks")
    lines = series(working(30), working(62))
    assert cut_off(report("sonic", lines, PATIENCE, end(lines)))["verdict"] == DONE
