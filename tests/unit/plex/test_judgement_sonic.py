from __future__ import annotations

import dataclasses
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from module_utils.judgement import judge, report
from module_utils.verdicts import (
    ALREADY_COMPLETE,
    DONE,
    FAILED,
    PARTIAL,
    STALLED,
    TIMED_OUT,
    WAITING,
    Judgement,
)
from tests.unit.plex.series import BUTLER, PATIENCE, Sample, counts, end, sample, series


def working(analysed: int, vectors: int | None = None) -> Sample:
    found = analysed if vectors is None else vectors
    return {
        "counts": counts(analysed=analysed, vectors=found),
        "activities": [BUTLER],
        "processes": {"analyser": 1},
        "cpu_percent": 180.0,
    }


def idle(analysed: int, vectors: int | None = -1) -> Sample:
    return {"counts": counts(analysed=analysed, vectors=analysed if vectors == -1 else vectors)}


def told(*steps: Sample, **begin: t.Any) -> Judgement:
    lines = series(*steps, **begin)
    return judge("sonic", lines, PATIENCE, end(lines))


STUCK: Sample = {"counts": counts(analysed=30, vectors=30), "activities": [BUTLER]}
HANGING: Sample = {**STUCK, "processes": {"analyser": 1}}
SILENT: Sample = {"http": 0, "http_words": "no answer (connection refused)", "activities": None}
LOCKED: Sample = {"database": "locked", "counts": None, "activities": [BUTLER]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], WAITING),
        ([working(30)], WAITING),
        ([working(30), working(62)], DONE),
        ([working(30), idle(62)], DONE),
        # One witness alone is not enough, and a witness that cannot be read is not a witness.
        ([working(30), working(62, vectors=60)], WAITING),
        ([working(30), *[idle(62, vectors=60)] * 2], WAITING),
        ([working(30), *[idle(62, vectors=60)] * 3], PARTIAL),
        ([working(30), idle(62, vectors=None)], WAITING),
        ([working(30), *[idle(62, vectors=None)] * 3], PARTIAL),
        ([working(30), *[idle(60, vectors=62)] * 3], WAITING),
        # The analysis ended and something is left: never done.
        ([working(30), *[idle(60)] * 11], WAITING),
        ([working(30), *[idle(60)] * 14], PARTIAL),
        ([*[idle(20)] * 14], STALLED),
        # The butler says it works, nobody does.
        ([working(30), *[STUCK] * 11], WAITING),
        ([working(30), *[STUCK] * 12], STALLED),
        # An analyser without CPU may wait for the mount; after three stall times it hangs.
        ([working(30), *[HANGING] * 30], WAITING),
        ([working(30), *[HANGING] * 38], STALLED),
        # CPU is a sign of life, a frozen container stops the clock.
        ([working(30), *[{**STUCK, "cpu_percent": 60.0}] * 40], WAITING),
        ([working(30), *[{**STUCK, "container": "paused", "http": 0}] * 40], WAITING),
        # A server that is silent while tracks are still written lives.
        ([working(20 + n) | SILENT for n in range(1, 10)], WAITING),
        ([working(30), *[idle(30) | SILENT] * 13], FAILED),
        ([working(30), *[LOCKED] * 3], WAITING),
        ([working(30), *[LOCKED] * 13], FAILED),
        ([working(30), LOCKED, LOCKED, working(62)], DONE),
        ([working(30), *[idle(30) | {"container": "exited", "http": 0}] * 2], FAILED),
        # Tracks that vanish must not make the rest look complete.
        ([working(30), {"counts": counts(tracks=50, analysed=50, vectors=50)}], PARTIAL),
        ([{"counts": counts(tracks=0, analysed=0, vectors=0)}], FAILED),
    ],
)
def test_sonic(steps: list[Sample], expected: str) -> None:
    assert told(*steps).verdict == expected


def test_complete_at_the_begin_is_a_verdict_of_its_own() -> None:
    complete = counts(analysed=62, vectors=62)
    assert told(counts=complete).verdict == ALREADY_COMPLETE
    assert told(counts=counts(analysed=62, vectors=60)).verdict == WAITING
    assert told(counts=counts(analysed=62, vectors=None)).verdict == WAITING


def test_no_counts_at_all_is_waiting_then_failed() -> None:
    assert told(LOCKED, database="locked", counts=None).verdict == WAITING
    assert told(*[LOCKED] * 13, database="locked", counts=None).verdict == FAILED


def test_progress_has_numbers_and_words() -> None:
    judgement = told(*[working(20 + 4 * n) for n in range(1, 6)])
    assert (judgement.expected, judgement.done, judgement.left) == (62, 40, 22)
    assert judgement.rate == pytest.approx(0.4)
    assert judgement.eta_seconds == pytest.approx(62, abs=3)
    assert judgement.message == f"40/62 tracks, 24.0/min, about {round(judgement.eta_seconds or 0)} s left"


def test_the_words_of_a_disagreement() -> None:
    assert "disagree" not in told(working(40, vectors=38)).message
    assert "(witnesses disagree: 40 marked, 30 vectors)" in told(working(40, vectors=30)).message
    assert "vectors unreadable" in told(idle(40, vectors=None)).message


def test_what_changed_while_the_database_was_locked_is_life() -> None:
    lines = series(working(30), *[LOCKED] * 5, idle(31), *[idle(31)] * 11)
    assert judge("sonic", lines, PATIENCE, end(lines)).verdict == WAITING


def test_in_the_grace_period_nothing_is_called_an_end() -> None:
    patience = dataclasses.replace(PATIENCE, grace_seconds=300)
    for steps in ([idle(62, vectors=60)] * 5, [idle(20)] * 20):
        lines = series(*steps)
        assert judge("sonic", lines, patience, end(lines)).verdict == WAITING
        assert judge("sonic", lines, PATIENCE, end(lines)).finished


def test_the_words_of_an_ending() -> None:
    ended = told(*[working(30 + n) for n in range(5)], *[idle(60)] * 14)
    assert ended.message == "60/62 tracks; the analysis ended by itself with 2 left"
    assert ended.eta_seconds is None
    assert told(*[idle(20)] * 14).message.endswith("the analysis is not running and finished no track")
    assert told(working(30), *[STUCK] * 13).message.endswith("the analysis no longer moves, 32 left")


def test_the_absolute_timeout_wins_over_work() -> None:
    lines = [*series(working(30)), sample(3600, **working(40))]
    judgement = judge("sonic", lines, PATIENCE, 3600.0)
    assert (judgement.verdict, judgement.eta_seconds) == (TIMED_OUT, None)


def test_an_hour_in_which_nobody_looked_is_not_held_against_the_analysis() -> None:
    lines = [*series(working(30)), *(sample(3000.0 + 10 * n, **STUCK) for n in range(12))]
    assert judge("sonic", lines, PATIENCE, end(lines)).verdict == WAITING
    lines.append(sample(3120.0, **STUCK))
    assert judge("sonic", lines, PATIENCE, end(lines)).verdict == STALLED


def test_the_report_carries_the_counts_it_stands_on() -> None:
    lines = series(working(30), LOCKED)
    result = report("sonic", lines, PATIENCE, end(lines))
    ledger = result["result"]
    assert (ledger["before"]["analysed"], ledger["after"]["analysed"]) == (20, 30)
    assert (result["finished"], ledger["elapsed_seconds"], ledger["verdict"]) == (False, 20.0, "waiting")


_STEPS = st.builds(
    lambda analysed, vectors, analyser, cpu, container, http, database: {
        "counts": counts(analysed=analysed, vectors=vectors) if database == "ok" else None,
        "processes": {"analyser": analyser},
        "cpu_percent": cpu,
        "container": container,
        "http": http,
        "database": database,
    },
    st.integers(0, 61),
    st.none() | st.integers(0, 70),
    st.integers(0, 2),
    st.none() | st.floats(0, 400),
    st.sampled_from(["running", "paused", "exited", "unknown"]),
    st.sampled_from([200, 503, 0]),
    st.sampled_from(["ok", "locked", "unreadable"]),
)


@given(st.lists(_STEPS, max_size=30))
def test_with_a_track_left_it_is_never_done(steps: list[Sample]) -> None:
    lines = series(*steps)
    for position in range(1, len(lines) + 1):
        judgement = judge("sonic", lines[:position], PATIENCE, end(lines[:position]))
        assert judgement.verdict not in (DONE, ALREADY_COMPLETE)
        assert judgement.eta_seconds is None or judgement.eta_seconds > 0


@given(st.lists(_STEPS, max_size=20))
def test_it_always_ends(steps: list[Sample]) -> None:
    lines = series(*steps)
    lines.append(sample(4000.0, **working(40)))
    assert judge("sonic", lines, PATIENCE, 4000.0).finished
