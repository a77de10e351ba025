"""Every file is asked for its time once, by many at once, and the note tells how far that is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from module_utils.mount_times import Counts, look, main, run
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
    assert mount_times.over(mount_times.read(note))
    tree(tmp_path / "media")
    assert main([str(tmp_path / "media"), str(note)]) == 0
    found = mount_times.read(note)
    assert (found["finished"], found["files"]) == (True, 100)
    assert not mount_times.over(found)
    assert not mount_times.over({**found, "finished": False, "pid": os.getpid()})
    assert mount_times.over({**found, "finished": False, "pid": 2**22 + 1}), "a walk that was cut off begins again"


def test_a_walk_that_never_works_is_not_begun_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    note = tmp_path / "times.json"
    note.write_text(json.dumps({"finished": False, "pid": 2**22 + 1, "starts": mount_times._STARTS}))
    with patch_module_args({"path": str(tmp_path), "note": str(note)}), pytest.raises(SystemExit):
        mount_times.main()
    assert "the walk ended by itself 3 times" in capsys.readouterr().out
