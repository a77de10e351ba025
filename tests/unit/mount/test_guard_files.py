"""A file that cannot be read by itself condemns no mount, and a mount that gives nothing is not excused by it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils import bounded, guard_reads, guard_states
from module_utils.guard import Guard
from module_utils.guard_files import KnownFiles
from module_utils.guard_probes import Probes

from .standing_in import log

CHANCE = random.Random(5)
REFUSED: bounded.Answer = {"error": "StatusCode: 404, NoSuchKey"}


def asked_until_sure(files: KnownFiles, refuses: Callable[[str], bool], late: bool = False) -> tuple[bool, list[str]]:
    """Ask S3 until it is known whether it is well; what it was asked for."""
    asked = []
    for _ in range(5):
        name = files.ask(CHANCE)
        asked.append(name)
        well = files.gave_not(late) if refuses(name) else files.gave()
        if well is not None:
            return well, asked
    raise AssertionError(asked)


@pytest.mark.parametrize(
    ("failed", "refused", "well", "left_out", "questions"),
    [
        # The mount did not give it, and S3 does: the mount is to blame.
        ("a", "", True, [], 1),
        # S3 does not give it, and gives another: it is the file's own fault.
        ("a", "a", True, ["a"], 2),
        # S3 gives nothing.
        ("a", "abc", False, [], 2),
        ("", "abc", False, [], 2),
        ("", "", True, [], 1),
    ],
)
def test_who_is_to_blame(failed: str, refused: str, well: bool, left_out: list[str], questions: int) -> None:
    files = KnownFiles(["a", "b", "c"], failed=failed)
    found, asked = asked_until_sure(files, lambda name: name in refused)
    assert (found, files.left_out, len(asked), len(set(asked))) == (well, left_out, questions, questions)
    assert sorted(files.names) == [name for name in "abc" if name not in left_out]
    assert asked[0] == failed or not failed
    assert (files.failed, files.refused) == (failed if not well else "", "")


def test_a_late_answer_is_no_word_about_a_file() -> None:
    files = KnownFiles(["a", "b"], failed="a")
    assert asked_until_sure(files, lambda _: True, late=True) == (False, ["a"])


@pytest.mark.parametrize("names", [[], ["a"]])
def test_without_another_file_a_refusal_counts(names: list[str]) -> None:
    files = KnownFiles(names)
    assert asked_until_sure(files, lambda _: True)[0] is False
    assert list(files.names) == names


def test_two_that_are_unreadable_one_after_the_other_are_both_left_out() -> None:
    files = KnownFiles(["a", "b", "c", "d"], failed="a")
    assert files.ask(CHANCE) == "a"
    # Meanwhile the next cold read fails, too.
    files.failed = "b"
    assert files.gave_not(late=False) is None
    assert files.ask(CHANCE) == "b"
    assert files.gave_not(late=False) is False, "two in a row: S3 is taken for sick, and asked again"
    assert asked_until_sure(files, lambda name: name in "ab") == (True, ["b", files.asked])
    assert (files.left_out, files.failed) == (["b"], "")


@pytest.fixture
def at_once(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> Callable[[set[str], set[str]], Probes]:
    """Probes that answer at once: which files the mount does not give, and which S3 does not."""

    def answering(mount_fails: set[str], s3_refuses: set[str]) -> Probes:
        probes = guard.probes
        probes.chooser = random.Random(7)

        def start(name: str, _work: object, _deadline: float) -> None:
            bad = probes.reading in mount_fails if name == "read" else probes.files.asked in s3_refuses
            probes._take(name, dict(REFUSED) if bad else {"bytes": 4096})

        monkeypatch.setattr(probes, "start", start)
        return probes

    return answering


def days(guard: Guard, probes: Probes, hours: int) -> tuple[list[str], list[str]]:
    """What is done and thought in so many hours with a cold read every five seconds."""
    done: list[str] = []
    states: list[str] = []
    mind, patience = guard_states.Mind(guard_states.HEALTHY), guard_states.Patience()
    for second in range(0, hours * 3600, 5):
        probes.read_now(second)
        for turn in range(5):
            before = mind
            signs = guard_states.Signs(
                at=second + turn, read_failures=probes.read_failures, reads=probes.reads, s3=probes.s3
            )
            mind, actions = guard_states.step(mind, signs, patience)
            if mind.state == guard_states.SUSPECT != before.state:
                probes.s3 = None
            if guard_states.ASK_S3 in actions:
                probes.s3_answered = -1e9
                probes.ask_s3()
            done += [action for action in actions if action != guard_states.ASK_S3]
            states.append(mind.state)
        if mind.state == guard_states.REPAIRING:
            break
    return done, states


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_files_that_are_unreadable_by_themselves_freeze_nothing(
    guard: Guard, at_once: Callable[[set[str], set[str]], Probes], share: float
) -> None:
    names = [f"{number}.flac" for number in range(200)]
    bad = set(names[: int(200 * share)])
    probes = at_once(bad, bad)
    probes.files.names = names
    done, _ = days(guard, probes, 72)
    assert done == []
    assert set(probes.files.left_out) == bad
    assert set(probes.files.names) == set(names) - bad


def test_a_mount_that_gives_nothing_is_condemned_all_the_same(
    guard: Guard, at_once: Callable[[set[str], set[str]], Probes]
) -> None:
    names = [f"{number}.flac" for number in range(20)]
    probes = at_once(set(names), set(names[:1]))
    probes.files.names = names
    done, states = days(guard, probes, 1)
    assert done[0] == guard_states.FREEZE
    assert guard_states.HUNG in states
    assert len(states) < 30, "after a few cold reads"


def test_what_is_left_out_is_told_once(guard: Guard) -> None:
    guard.probes.files = KnownFiles(["b"], left_out=["a"])
    for _ in range(2):
        guard.tell_left_out()
    assert log(guard) == ["left out"]


def test_bytes_that_are_learnt_may_miss_a_file_and_a_proof_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_reads, "become", lambda *_: None)
    (tmp_path / "a").write_text("a")

    def read(*names: str, **how: Any) -> bounded.Answer:
        return guard_reads.digests(str(tmp_path), names, **how)

    assert list(read("gone", "a", "lost", tolerant=True)) == ["a"]
    for how in ({}, {"tolerant": True}):
        with pytest.raises(FileNotFoundError):
            read("gone", **how)
    with pytest.raises(FileNotFoundError):
        read("a", "gone")
