"""The modules that read known files and flags, on a tree without a mount and a program that stands in for rclone."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from plugins.modules import mount_known_files, rclone_flags, rclone_remote

LIBRARY = "com.plexapp.plugins.library.db"


@pytest.fixture
def library(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / LIBRARY)) as connection:
        connection.executescript(
            """
            CREATE TABLE media_items (id INTEGER, library_section_id INTEGER);
            CREATE TABLE directories (id INTEGER, updated_at INTEGER);
            CREATE TABLE media_parts
              (media_item_id INTEGER, directory_id INTEGER, file TEXT, updated_at INTEGER, deleted_at INTEGER);
            INSERT INTO media_items VALUES (1, 1), (2, NULL);
            INSERT INTO directories VALUES (7, 946684800);
            INSERT INTO media_parts VALUES (1, 7, '/media/library/a.mkv', 100, NULL),
              (1, 7, '/media/library2/b.mkv', 1, NULL),
              (1, 7, '/media/library/gone.mkv', 100, 5), (2, 7, '/media/library/trailer.mkv', 100, NULL);
            """
        )
    return tmp_path


def test_only_live_files_of_sections_below_the_mount_are_known(library: Path) -> None:
    (known,) = mount_known_files.known_files(str(library), "/media/library", 9)
    assert astuple(known) == (1, "a.mkv", 100, 946684800)


def test_files_whose_folder_is_not_told_are_known_too(library: Path) -> None:
    with closing(sqlite3.connect(library / LIBRARY)) as connection:
        connection.executescript("DELETE FROM directories;")
    (known,) = mount_known_files.known_files(str(library), "/media/library", 9)
    assert astuple(known) == (1, "a.mkv", 100, None)


def asked(tmp_path: Path, script: str) -> dict[str, Any]:
    program = tmp_path / "rclone"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return {
        "rclone": [str(program)],
        "remote": "library:bucket",
        "uid": os.getuid(),
        "gid": os.getgid(),
        "timeout": 20.0,
        "until": time.monotonic() + 20,
    }


def test_what_cannot_be_read_is_said_with_the_reason_of_s3(tmp_path: Path) -> None:
    (tmp_path / "a.mkv").write_text("bytes")
    (tmp_path / "empty.mkv").touch()
    wish = asked(tmp_path, "echo 'StatusCode: 403, api error AccessDenied' >&2; exit 1")
    found, _ = mount_known_files.read_as(str(tmp_path), ["a.mkv", "empty.mkv", "gone.mkv"], wish)
    assert found == {"a.mkv": "", "empty.mkv": "it is empty", "gone.mkv": "No such file or directory"}
    assert "no right" in mount_known_files.why(wish, "gone.mkv", found["gone.mkv"])
    assert "S3 gives it" in mount_known_files.why(asked(tmp_path, "true"), "gone.mkv", "Input/output error")


def test_a_file_may_be_called_like_an_error(tmp_path: Path) -> None:
    (tmp_path / "timeout").write_text("bytes")
    assert mount_known_files.read_as(str(tmp_path), ["timeout"], asked(tmp_path, "true")) == ({"timeout": ""}, {})


def test_folders_show_their_time_except_the_top_and_those_of_files_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("a.mkv", "Film/b.mkv", "Empty/c.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if "Empty" in name else "bytes")
    os.utime(tmp_path / "Film", (946684800, 946684800))
    _, shown = mount_known_files.read_as(
        str(tmp_path), ["a.mkv", "Film/b.mkv", "Empty/c.mkv", "Film/gone.mkv"], asked(tmp_path, "true")
    )
    assert shown == {"Film/b.mkv": 946684800}


def test_what_never_answers_takes_no_longer_than_all_of_it_may(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "hangs.mkv")
    wish = asked(tmp_path, "exec sleep 60") | {"timeout": 2.0, "until": time.monotonic() + 2}
    found, shown = mount_known_files.read_as(str(tmp_path), ["hangs.mkv"], wish)
    assert shown == {}
    assert found == {"hangs.mkv": "no answer within 1 s: the mount hangs"}
    for _ in range(5):
        assert "does not answer" in mount_known_files.why(wish, "hangs.mkv", found["hangs.mkv"])
    assert mount_known_files.times(wish, ["hangs.mkv"]) == {}
    assert time.monotonic() - wish["until"] < 15, "far less than a minute for each question"


def test_times_of_the_bucket(tmp_path: Path) -> None:
    line = '[{"Path":"a.mkv","ModTime":"2024-03-09T15:00:00.000000000Z"}]'
    assert mount_known_files.times(asked(tmp_path, f"echo '{line}'"), ["a.mkv"]) == {"a.mkv": 1709996400}
    assert mount_known_files.times(asked(tmp_path, "exit 3"), ["a.mkv"]) == {}


@pytest.mark.parametrize(("word", "found"), [(None, "metadata"), ("server\n", "server"), ("rubbish", "metadata")])
def test_the_choice_of_times_is_kept(word: str | None, found: str, tmp_path: Path) -> None:
    note = tmp_path / "modtime"
    if word:
        note.write_text(word)
    assert rclone_flags.noted(str(note)) == found


def test_the_disk_of_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    assert rclone_flags.disk_size(str(tmp_path / "cache/vfs")) == rclone_flags.disk_size(str(tmp_path)) > 0
    assert rclone_flags.machine_memory() > 100


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'ERROR: StatusCode: 403, api error InvalidAccessKeyId: no' >&2; exit 1", "the credentials are wrong"),
        ("echo 'StatusCode: 403, RequestTimeTooSkewed' >&2; echo 'Failed to lsf' >&2; exit 1", "the clock of this"),
        ("echo 'ERROR : error listing: directory not found' >&2; exit 3", "no such bucket or folder; check burst_s3_"),
        ("exec sleep 60", "the endpoint does not answer"),
    ],
)
def test_a_remote_that_cannot_be_listed_says_why(tmp_path: Path, run: Any, script: str, said: str) -> None:
    wish = asked(tmp_path, script)
    result = run(rclone_remote, rclone=wish["rclone"], remote=wish["remote"], timeout=2)
    assert result["failed"]
    assert said in result["msg"]


def test_a_remote_that_can_be_listed_says_how_much_is_there(tmp_path: Path, run: Any) -> None:
    wish = asked(tmp_path, "printf 'Music/\\nMovies/\\n'")
    assert run(rclone_remote, rclone=wish["rclone"], remote=wish["remote"])["entries"] == 2
