"""The guard's reports, its way to a container's freezer, its children."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from module_utils import bounded, cgroups, freezer, guard_report
from module_utils.guard import build
from module_utils.guard_files import KnownFiles
from module_utils.guard_probes import Pace, Probes

LOG = [
    {"at": 10.0, "event": "state", "state": "dead"},
    {"at": 10.1, "event": "frozen", "state": "dead", "cause": "the process of the mount ended", "workers": 2},
    {"at": 10.2, "event": "repair", "state": "repairing", "cause": "the process of the mount ended"},
    {"at": 11.0, "event": "thawed", "state": "probation", "workers_ended": 2},
    {"at": 50.0, "event": "frozen", "state": "s3_down", "cause": "S3 itself does not answer", "workers": 0},
]


def test_windows_are_the_times_in_which_plex_stood_still() -> None:
    assert guard_report.windows(LOG) == [
        {"from": 10.1, "to": 11.0, "cause": "the process of the mount ended", "workers": 2, "workers_ended": 2},
        {"from": 50.0, "cause": "S3 itself does not answer", "workers": 0},
    ]


def test_a_report_says_how_it_is(tmp_path: Path) -> None:
    assert guard_report.read(tmp_path)["state"] == "absent"
    # The counts of a guard that was killed meanwhile begin anew; its log does not.
    status = {"state": "healthy", "frozen": False, "cause": "", "counts": {"freezes": 0, "repairs": 0}}
    (tmp_path / "status.json").write_text(json.dumps(status))
    (tmp_path / "events.jsonl").write_text("\n".join(json.dumps(line) for line in LOG) + '\n{"at": 60.0, "ev')
    report = guard_report.read(tmp_path, since=11.0)
    assert report["message"] == "the mount is healthy; 1 freezes, 0 repairs so far"
    assert [event["at"] for event in report["events"]] == [11.0, 50.0]
    assert guard_report.read(tmp_path)["counts"] == {"freezes": 2, "repairs": 1, "workers_ended": 2}


FIRST, SECOND = {"from": 1.0, "to": 13.4, "cause": "a"}, {"from": 20.0, "to": 22.0, "cause": "b"}
STILL = {"from": 30.0, "cause": "a"}


@pytest.mark.parametrize(
    ("found", "repairs", "said"),
    [
        ([], 0, ""),
        ([FIRST], 0, "Plex stood still once, 12 s in all, 0 repairs of the mount (a)"),
        ([FIRST, SECOND], 1, "Plex stood still 2 times, 14 s in all, 1 repair of the mount (a; b)"),
        ([SECOND, STILL], 2, "Plex stood still 2 times, 2 s in all, and does so now, 2 repairs of the mount (b; a)"),
    ],
)
def test_what_the_guard_did_in_a_sentence(found: list[dict[str, Any]], repairs: int, said: str) -> None:
    assert guard_report.stood_still(found, {"repairs": repairs}) == said


@pytest.mark.parametrize(
    ("text", "version", "directory"),
    [
        ("7:freezer:/docker/abc\n0::/system.slice\n", 1, "freezer/docker/abc"),
        ("0::/system.slice/docker-abc.scope\n", 2, "system.slice/docker-abc.scope"),
    ],
)
def test_both_cgroup_versions_have_a_freezer(text: str, version: int, directory: str, tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    assert cgroups.freezer_of(text, tmp_path) == (tmp_path / directory, version)


def test_no_freezer_is_an_error_and_no_container_is_not(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no cgroup can freeze"):
        cgroups.freezer_of("1:cpu:/\n", tmp_path)
    container = freezer.Container("plex", str(tmp_path / "no.sock"))
    container.look()
    assert (container.alive(), container.stands_still(), container.workers(["x"])) == (False, False, [])
    container.thaw()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<Preferences a="1" autoEmptyTrash="1" b="é"/>', '<Preferences a="1" autoEmptyTrash="0" b="é"/>'),
        ('<Preferences a="1"/>', '<Preferences autoEmptyTrash="0" a="1"/>'),
        ('<Preferences autoEmptyTrash="0"/>', '<Preferences autoEmptyTrash="0"/>'),
    ],
)
def test_a_server_that_was_ended_keeps_its_trash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    path = tmp_path / "Preferences.xml"
    path.write_text(before)
    path.chmod(0o640)
    container = freezer.Container("plex")
    monkeypatch.setattr(container, "path", lambda _: str(path))
    container.keep_trash()
    assert (path.read_text(), path.stat().st_mode & 0o777) == (after, 0o640)
    assert not container.empties_trash()


def test_a_child_that_hangs_is_given_up_at_its_deadline() -> None:
    def hang() -> bounded.Answer:
        time.sleep(60)
        return {}

    started = time.monotonic()
    child = bounded.Child(hang, 0.3)
    assert child.poll() is None
    assert child.poll(5) == {"timeout": True}
    assert time.monotonic() - started < 3
    deadline = time.monotonic() + 5
    while left := bounded.reap([child.pid]):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_a_program_answers_fails_and_hangs_like_a_child(tmp_path: Path) -> None:
    def asked(*words: str, timeout: float = 20) -> bounded.Answer | None:
        return bounded.Program(words, timeout).poll(timeout)

    statfs = ("/usr/bin/stat", "--file-system", "--printf=")
    assert asked(*statfs, str(tmp_path)) == {}
    assert "No such file" in (asked(*statfs, str(tmp_path / "gone")) or {})["error"]
    hangs = bounded.Program(["/bin/sleep", "60"], 0.2)
    assert hangs.poll(20) == {"timeout": True}
    deadline = time.monotonic() + 10
    while left := bounded.reap([hangs.pid]):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


def test_a_child_that_fails_says_why() -> None:
    def fail() -> bounded.Answer:
        raise PermissionError(13, "Permission denied")

    assert bounded.run(fail, 5) == {"error": "Permission denied", "errno": 13}
    assert bounded.run(lambda: {"pid": os.getpid()}, 5)["pid"] != os.getpid()


def test_a_configuration_that_lacks_something_names_it() -> None:
    with pytest.raises(KeyError, match="generation"):
        build({"unit": "plex-burst-mount.service"})


def test_s3_is_not_asked_again_while_its_answer_is_fresh() -> None:
    mount: Any = SimpleNamespace(handles=list)
    probes = Probes(mount, mount, Pace(s3_every=600), remote="library:", rclone=["true"], socket="", inside="")

    def answered() -> bool:
        probes.ask_s3()
        if "s3" not in probes.running:
            return False
        while "s3" in probes.running:
            select.select(probes.descriptors(), [], [], 10)
            probes.collect()
        return True

    assert answered()
    assert probes.s3 is True
    assert not answered()
    probes.s3 = None  # a new suspicion
    assert answered()


@pytest.mark.parametrize(
    ("script", "answers"),
    [
        # The first bytes of an MP3 are no text.
        (r"printf '\377\373\220\144'", True),
        # A server that cuts its answers short is found by asking for as much as a cold read takes.
        (r"case $* in *--head=4096*) printf 'une\377pected EOF\n' >&2; exit 1;; esac", False),
    ],
)
def test_s3_answers_with_bytes_and_not_with_text(script: str, answers: bool, tmp_path: Path) -> None:
    program = tmp_path / "rclone"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    mount: Any = SimpleNamespace(handles=list)
    files = KnownFiles(["a.mp3"])
    probes = Probes(mount, mount, Pace(), "library:", [str(program)], socket="", inside="", files=files)
    probes.ask_s3()
    while "s3" in probes.running:
        select.select(probes.descriptors(), [], [], 10)
        probes.collect()
    assert probes.s3 is answers
    assert answers or "pected EOF" in probes.s3_why
