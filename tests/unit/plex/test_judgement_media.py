"""The media analysis, over synthetic samples: which series ends how."""

from __future__ import annotations

from dataclasses import replace

import pytest

from module_utils.judgement import judge

from .series import PATIENCE, Sample, counts, end, series

SETTLED = replace(PATIENCE, settled_seconds=40)
LOOKING = {"type": "library.refresh.items", "title": "Refreshing", "subtitle": "", "progress": 5, "section": 5}


def media(done: int, total: int = 60, **different: int | None) -> dict[str, int | None]:
    return counts(media=total, media_analysed=done, last_stream=done, **different)


def step(done: int, *, working: bool = False, **different: object) -> Sample:
    busy: Sample = {"processes": {"media": 1}, "cpu_percent": 60.0} if working else {}
    return {"counts": media(done), **busy, **different}


WORK = [step(done, working=True) for done in (10, 20, 30, 40)]
CASES: list[tuple[str, list[Sample], dict[str, object], str, int | None]] = [
    ("nothing left at the begin", [], {"counts": media(60)}, "already_complete", 0),
    ("nothing left, not yet quiet", [*WORK, step(60, working=True), step(60)], {}, "waiting", 0),
    ("nothing left, quiet", [*WORK, step(60, working=True), *[step(60)] * 3], {}, "done", 0),
    ("at work", WORK, {}, "waiting", 20),
    ("in the grace quiet means nothing", [step(0)], {}, "waiting", 60),
    ("a broken file is left", [*WORK, step(59, working=True), *[step(59)] * 4], {}, "partial", 1),
    ("not long enough quiet to be left", [*WORK, step(59, working=True), *[step(59)] * 2], {}, "waiting", 1),
    ("the server finds nothing to do", [step(59)] * 5, {}, "partial", 1),
    ("an activity that never moves", [step(30, activities=[LOOKING])] * 13, {}, "stalled", 30),
    ("another section's work is not ours", [step(59, activities=[{**LOOKING, "section": 1}])] * 5, {}, "partial", 1),
    ("a process that finishes nothing", [step(30, processes={"media": 1})] * 37, {}, "stalled", 30),
    ("a process that finishes nothing, not for long", [step(30, processes={"media": 1})] * 36, {}, "waiting", 30),
    ("one that computes is waited for until the timeout", [step(30, working=True)] * 40, {}, "waiting", 30),
    ("the server is gone", [step(30), *[{"container": "exited", "http": 0, "counts": None}] * 2], {}, "failed", 30),
    ("a locked database is no end", [*WORK, *[{"database": "locked", "counts": None}] * 5], {}, "waiting", 20),
]


@pytest.mark.parametrize(("steps", "begin", "verdict", "left"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_how_it_ends(steps: list[Sample], begin: dict[str, object], verdict: str, left: int | None) -> None:
    lines = series(*steps, **{"counts": media(0), **begin})
    judged = judge("analyse", lines, SETTLED, end(lines))
    assert (judged.verdict, judged.left) == (verdict, left), judged.message


def test_the_words_name_what_is_left() -> None:
    lines = series(*WORK, step(59, working=True), *[step(59)] * 4, counts=media(0))
    assert judge("analyse", lines, SETTLED, end(lines)).message == (
        "59/60 media analysed; the analysis ended by itself with 1 left"
    )


def test_streams_alone_are_life() -> None:
    """A large film gains streams long before it counts as analysed."""
    steps = [step(30, counts=media(30) | {"last_stream": 100 + number}) for number in range(20)]
    lines = series(*steps, counts=media(30))
    assert judge("analyse", lines, SETTLED, end(lines)).verdict == "waiting"


def test_the_timeout_ends_it() -> None:
    lines = series(*WORK, counts=media(0))
    assert judge("analyse", lines, replace(SETTLED, timeout_seconds=30), end(lines)).verdict == "timed_out"
