"""Every file is asked for its time once, by many at once, and the note tells how far that is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from module_utils import mount_times as walks
from module_utils.mount_times import Counts, fetch, look, main, over, read, run
from plugins.modules import mount_times


def tree(root: Path) -> int:
    for number in range(20):
        directory = root / f"artist {number}" / "album $(x) 'é'"
        directory.mkdir(parents=True)
        for track in range(5):
            (directory / f"{track}\n.flac").touch()
            os.utime(directory / f"{track}\n.flac", (1, 1))
    return 100


@pytest.mark.parametrize("workers", [1, 8])
def test_every_file_is_asked_once(workers: int, tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []
    walk = run(str(tmp_path), told.append, workers, every=0.01) if tree(tmp_path) else None
    assert walk is not None
    assert walk.counts == Counts(files=100)
    assert (told[-1]["finished"], told[-1]["files"]) == (True, 100)


def test_what_cannot_be_asked_is_counted_and_ends_nothing(tmp_path: Path) -> None:
    walk = run(str(tmp_path / "absent"), lambda _: None, 2, every=0.01)
    assert walk.counts == Counts(failed=1)


def test_a_time_since_the_mount_is_none_of_the_files_own(tmp_path: Path) -> None:
    # What rclone shows where S3 refuses to tell.
    (tmp_path / "undated.flac").touch()
    (tmp_path / "dated.flac").touch()
    os.utime(tmp_path / "dated.flac", (1, 1))
    (tmp_path / "of the future.flac").touch()
    os.utime(tmp_path / "of the future.flac", (9e9, 9e9))
    assert look(str(tmp_path), mounted_at=(tmp_path / "undated.flac").stat().st_mtime)[1] == Counts(files=2, undated=1)


def test_the_note_tells_how_far_it_is(tmp_path: Path) -> None:
    note = tmp_path / "times.json"
    assert over(read(note))
    tree(tmp_path / "media")
    assert main([str(tmp_path / "media"), str(note)]) == 0
    found = read(note)
    assert (found["finished"], found["files"]) == (True, 100)
    assert not over(found)
    assert not over({**found, "finished": False, "pid": os.getpid()})
    assert over({**found, "finished": False, "pid": 2**22 + 1}), "a walk that was cut off begins again"


def test_a_walk_that_somebody_else_began_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "times.json"
    state = {"finished": False, "files": 7, "undated": 0, "failed": 0, "seconds": 1.0, "pid": os.getppid()}
    note.write_text(json.dumps(state))
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        note.write_text(json.dumps({**state, "finished": len(waited) > 2}))

    monkeypatch.setattr(time, "sleep", sleep)
    assert fetch(str(tmp_path / "absent"), note)["files"] == 7
    assert len(waited) == 3


@pytest.mark.parametrize("own", [False, True])
def test_a_walk_that_nobody_is_at_is_done(tmp_path: Path, own: bool) -> None:
    # The module that starts a walk writes the first note for it.
    note = tmp_path / "times.json"
    note.write_text(json.dumps({"finished": False, "files": 7, "pid": os.getpid() if own else 2**22 + 1}))
    tree(tmp_path / "media")
    assert fetch(str(tmp_path / "media"), note)["files"] == 100


def test_a_late_walk_says_nothing_of_the_next_generation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "runtime/times.json"
    note.parent.mkdir()

    def walk(_: str, tell: Callable[[dict[str, Any]], None]) -> None:
        # systemd takes the directory away with the generation, and makes one of the same name for the next.
        note.parent.rmdir()
        note.parent.mkdir()
        tell({"finished": True})

    monkeypatch.setattr(walks, "run", walk)
    with pytest.raises(FileNotFoundError):
        fetch(str(tmp_path), note)
    assert not note.exists()
    assert main([str(tmp_path), str(note)]) == 1


def test_a_walk_that_never_works_is_not_begun_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = tmp_path / "times.json"
    note.write_text(json.dumps({"finished": False, "pid": 2**22 + 1, "starts": mount_times._STARTS}))
    with patch_module_args({"path": str(tmp_path), "note": str(note)}), pytest.raises(SystemExit):
        mount_times.main()
    assert "the walk ended by itself 3 times" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"files": 0, "undated": 0, "failed": 0}, "fetching the modification times of the files"),
        ({"files": 1200, "undated": 0, "failed": 0}, "1,200 times fetched in 9 s"),
        ({"files": 0, "undated": 7, "failed": 1, "finished": True}, "0 times fetched in 9 s, 7 show a wrong one"),
        ({"files": 0, "undated": 0, "failed": 3, "finished": True}, "0 times fetched in 9 s, 3 did not answer"),
    ],
)
def test_what_came_of_a_walk_is_said(
    state: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note = tmp_path / "times.json"
    note.write_text(json.dumps({"finished": False, "pid": os.getpid(), "seconds": 9.0} | state))
    with patch_module_args({"path": str(tmp_path), "note": str(note)}), pytest.raises(SystemExit):
        mount_times.main()
    assert json.loads(capsys.readouterr().out)["message"].startswith(told)
