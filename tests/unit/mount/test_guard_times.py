"""Whether another generation is begun for times that are missing, and how the proof comes to know that they are."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from module_utils import guard_probes, guard_reads, guard_states, listing, mount_times
from module_utils.freezer import Container
from module_utils.guard import Guard
from module_utils.guard_times import MOST, Times

from .probing import ended
from .standing_in import log


@pytest.mark.parametrize(
    ("generations", "others"),
    [
        # (missing, dated) of one generation after the other, until one is taken
        ([(0, 100)], 0),
        # Three that S3 dates for nobody cost one more generation.
        ([(3, 97), (3, 97)], 1),
        ([(40, 60), (3, 97), (3, 97)], 2),
        ([(40, 60), (0, 100)], 1),
        # More than half of a bucket are not unreadable by themselves.
        ([(100, 0), (100, 0), (100, 0), (0, 100)], 3),
        ([(100, 0)] * (MOST + 1), MOST),
    ],
)
def test_another_generation_is_begun_while_there_is_hope(generations: Sequence[tuple[int, int]], others: int) -> None:
    times = Times()
    times.begin()
    verdicts = [times.worth_another(missing, dated) for missing, dated in generations]
    assert verdicts == [True] * (len(generations) - 1) + [False]
    assert times.others == others


def test_what_s3_dates_for_nobody_costs_the_next_repair_nothing() -> None:
    times = Times()
    for expected in (1, 0, 0):
        times.begin()
        while times.worth_another(3, 97):
            pass
        assert times.others == expected
    times.begin()
    assert times.worth_another(4, 96), "one more is another matter"


def test_while_s3_was_away_no_count_says_anything() -> None:
    times = Times(untold=3)
    times.begin()
    times.s3_was_away = True
    assert times.worth_another(3, 97)
    assert not times.worth_another(3, 97)


@pytest.mark.parametrize(("others", "pause"), [(1, 2.0), (4, 16.0)])
def test_the_pause_before_another_generation_doubles(others: int, pause: float) -> None:
    assert Times(others=others).pause() == pause


@pytest.fixture
def proved(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """A guard in mid-repair, with a generation that is listed, and 100 files that have their own times."""
    media = tmp_path / "media"
    media.mkdir()
    for number in range(100):
        (media / f"{number}.flac").write_text("x")
        os.utime(media / f"{number}.flac", (1, 1))
    for what in ("alive", "covered", "reaches", "shows_stored_times"):
        monkeypatch.setattr(guard.mount, what, lambda *_: True)
    monkeypatch.setattr(guard_reads, "become", lambda *_: None)
    monkeypatch.setattr(guard.probes, "root", lambda: str(media))
    guard.mount.pid, guard.mount.places = 77, type(guard.mount.places)("u", "", "", str(media))
    guard.probes.files.names = ["1.flac", "2.flac"]
    guard.probes.socket = str(tmp_path / "rclone.sock")
    listing.note_of(guard.probes.socket).write_text('{"finished": true, "seconds": 0}')
    guard.mind = guard_states.Mind(guard_states.REPAIRING, since=time.monotonic(), frozen=True)
    guard.prove_deadline = 20.0
    return guard


def prove_until(guard: Guard, what: str) -> None:
    guard.prove()
    assert set(guard.probes.running) == {what}
    ended(guard.probes, what)


def test_the_times_are_there_before_the_proof_and_fetched_once(proved: Guard) -> None:
    prove_until(proved, guard_probes.TIMES)
    note = json.loads(mount_times.note_of(proved.probes.socket).read_text())
    assert (note["finished"], note["files"], note["undated"]) == (True, 100, 0)
    proved.prove()
    prove_until(proved, guard_probes.PROOF)
    proved.prove()
    assert proved.proved is True
    assert log(proved) == ["times", "proved"]
    proved.proved = None
    prove_until(proved, guard_probes.PROOF)


def test_a_mount_with_the_times_of_the_upload_has_none_to_fetch(proved: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proved.mount, "shows_stored_times", lambda: False)
    prove_until(proved, guard_probes.PROOF)


def test_missing_times_are_asked_for_by_the_next_generation_once_s3_is_well(
    proved: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    (Path(proved.probes.root()) / "1.flac").touch()
    os.utime(proved.probes.root(), (9, 9))
    done: list[str] = []
    monkeypatch.setattr(proved.mount, "replace", lambda: done.append("replace"))
    prove_until(proved, guard_probes.TIMES)
    # The program of the settings prints nothing, as rclone does for what it does not find.
    for _ in range(2):
        prove_until(proved, "s3")
    assert proved.probes.s3 is False
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 4)
    proved.prove()
    assert (proved.signs(time.monotonic()).proving >= 3.0, done) == (True, [])
    proved.probes.s3 = True
    proved.prove()
    proved.prove()
    assert (done, proved.proving()) == ([], 0.0), "there is a pause before it"
    monkeypatch.setattr(time, "monotonic", lambda: now + 6)
    proved.prove()
    assert done == ["replace"]
    assert log(proved) == ["times", "repair"]
    assert proved.window["broken"], "who waits for this generation is told errors"


def test_an_answer_about_a_generation_that_is_gone_counts_for_none(
    proved: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove_until(proved, guard_probes.TIMES)
    proved.again_at = proved.doubted_at = 1.0
    monkeypatch.setattr(proved.mount, "alive", lambda: False)
    proved.prove()
    assert not proved.probes.digests
    assert (proved.times.shown_by, proved.again_at, proved.proving()) == (0, 0.0, 0.0)


@pytest.mark.parametrize(("words", "shown"), [(["true"], True), (["true", "--use-server-modtime"], False)])
def test_the_mount_itself_says_which_times_it_shows(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, words: list[str], shown: bool
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"\0".join(word.encode() for word in words) + b"\0")
    assert guard.mount.shows_stored_times() is shown
    monkeypatch.undo()
    guard.mount.pid = 2**22 + 1
    assert not guard.mount.shows_stored_times()


@pytest.mark.parametrize(
    ("program", "wanted", "error"),
    [
        ("true", False, None),
        ("true", True, "no reason given"),
        ("echo", True, None),
        ("false", False, "no reason given"),
    ],
)
def test_a_program_that_prints_nothing_found_nothing(program: str, wanted: bool, error: str | None) -> None:
    assert guard_reads.run([program], 5, wanted=wanted).get("error") == error


def test_the_freezer_of_a_container_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read(path: Path, **_: Any) -> str:
        asked.append(path)
        return "4:freezer:/docker/1\n"

    monkeypatch.setattr(Path, "read_text", read)
    container = Container("plex")
    for container.pid in (5, 5, 6):
        assert container.order(frozen=True)[1] == "FROZEN"
    assert [str(path) for path in asked] == ["/proc/5/cgroup", "/proc/6/cgroup"]
