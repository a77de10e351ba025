from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils.mount_reading import find_files, read_as, read_tree
from plugins.modules import mount_files


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for artist in ("Björk", 'He said "no"', "空"):
        for album in ("one", "two"):
            folder = tmp_path / "Music" / artist / album
            folder.mkdir(parents=True)
            for number in range(3):
                (folder / f"{number} it's 100%.flac").write_bytes(b"fLaC" + bytes(9000))
    return tmp_path


def test_finds_different_files_in_a_deep_tree(tree: Path) -> None:
    found = find_files(str(tree), 5, random.Random(1))
    assert len(found) == len(set(found)) == 5
    assert found != find_files(str(tree), 5, random.Random(2))


def test_reads_only_the_first_bytes(tree: Path) -> None:
    result = read_tree([str(tree)], 3, random.Random(1))
    assert [entry["bytes"] for entry in result["read"]] == [4096] * 3
    assert result["problems"] == []


def test_an_empty_or_missing_root_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "empty" / "below").mkdir(parents=True)
    result = read_tree([str(tmp_path / "empty"), str(tmp_path / "missing")], 3, random.Random(1))
    assert result["problems"] == [
        f"{tmp_path}/empty holds no file.",
        f"{tmp_path}/missing cannot be listed: No such file or directory.",
    ]


def test_a_file_that_cannot_be_read_is_a_problem_though_it_can_be_listed(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(0o755)
    (tmp_path / "secret.flac").write_bytes(b"x")
    (tmp_path / "secret.flac").chmod(0o600)
    result = read_as([str(tmp_path)], 1, 1000, 1000, 10)
    assert result["problems"] == [f"{tmp_path}/secret.flac cannot be read: Permission denied."]


def test_a_read_that_hangs_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link.flac").symlink_to("fifo")
    # A fifo without a writer blocks its reader for ever, as a dead mount does. is_file() is false for it, so
    # the reader is led there by a file name that the listing takes for a file.
    original = str(tmp_path / "fifo")

    def led_astray(root: str, wanted: int, chooser: random.Random) -> list[str]:
        return [original]

    started = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("module_utils.mount_reading.find_files", led_astray)
        result = read_as([str(tmp_path)], 1, os.getuid(), os.getgid(), 0.5)
    assert time.monotonic() - started < 5
    assert "no answer within 0.5 s: the mount hangs" in result["problems"][0]


@pytest.mark.parametrize(
    ("unreadable", "why"),
    [((), ""), (("0 ", "1 "), ""), (("0 ", "1 ", "2 "), "none of 18 can be read (Input/output error)")],
)
def test_what_the_guard_reads_later_could_be_read_when_it_was_chosen(
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Callable[..., dict[str, Any]],
    *,
    unreadable: tuple[str, ...],
    why: str,
) -> None:
    def first_bytes(path: str) -> tuple[int, str]:
        return (0, "Input/output error") if Path(path).name.startswith(unreadable or ("-",)) else (4096, "")

    monkeypatch.setattr(mount_files, "become", lambda *_: None)
    monkeypatch.setattr(mount_files, "first_bytes", first_bytes)
    dest = tmp_path / "files.json"
    result = run(mount_files, path=str(tree / "Music"), dest=str(dest), files=200)
    if why:
        assert why in result["msg"]
        assert not dest.exists()
    else:
        names = json.loads(dest.read_text())
        assert len(names) == result["count"] == 18 - 6 * len(unreadable)
        assert not [name for name in names if Path(name).name.startswith(unreadable or ("-",))]
