"""The server's logs as a witness of a scan: what was written since the last look, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils import scanner_log
from module_utils.scanner_log import LOGS, read_on

SERVER, SCANNER = LOGS
SECTION = 5
STAMP = "Nov 23, 2026 03:00:00.000 [12] DEBUG - "
JOB = "'/usr/lib/plexmediaserver/Plex Media Scanner'"
BUSY = "Waited over 10 seconds for a busy database; giving up"


def write(directory: Path, name: str, *lines: str) -> None:
    with (directory / name).open("a", encoding="utf-8") as file:
        file.writelines(f"{STAMP}{line}\n" for line in lines)


def said(directory: Path, *lines: str, name: str = SERVER) -> dict[str, Any]:
    """What is found in lines that come between two looks."""
    begin = read_on(directory, None, SECTION)
    write(directory, name, *lines)
    return {key: value for key, value in read_on(directory, begin["logs"], SECTION).items() if key != "logs"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"[JobManager] Job running '{JOB} --scan --refresh --section 5 --activity x' exited with code 1", 1),
        (f"[JobManager] Job running {JOB} --scan --section 5 exited with code -11", -11),
        (f"Jobs: {JOB} exit code for process 4711 is -9 (signal: Killed)", -9),
        (f"Jobs: {JOB} exit code for process 4711 is 0 (success)", 0),
        # Another section's scan, the butler's child, another program.
        (f"[JobManager] Job running '{JOB} --scan --refresh --section 51 --activity 5' exited with code 1", None),
        (f"[JobManager] Job running '{JOB} --analyze-deeply --section 5' exited with code 1", None),
        ("Jobs: '/usr/lib/plexmediaserver/Plex Transcoder' exit code for process 4711 is -9 (signal: Killed)", None),
        (f"[JobManager] Starting job '{JOB} --scan --section 5'", None),
    ],
)
def test_how_a_scanner_ended(tmp_path: Path, line: str, code: int | None) -> None:
    assert said(tmp_path, line) == ({} if code is None else {"scanner_exits": [code]})


@pytest.mark.parametrize("name", LOGS)
def test_a_database_that_gave_up_is_told_once(tmp_path: Path, name: str) -> None:
    lines = (f"{BUSY}.", f"{BUSY}.", "Database error: database or disk is full", "Held transaction for too long (9 s)")
    assert said(tmp_path, *lines, name=name) == {"database_errors": [BUSY, "database or disk is full"]}


def test_what_was_there_before_the_first_look_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, SERVER, BUSY)
    begin = read_on(tmp_path, None, SECTION)
    assert begin == {"logs": begin["logs"]}
    assert read_on(tmp_path, begin["logs"], SECTION) == begin


def test_each_line_is_read_once_and_half_a_line_later(tmp_path: Path) -> None:
    begin = read_on(tmp_path, None, SECTION)
    with (tmp_path / SERVER).open("a", encoding="utf-8") as file:
        file.write(f"{BUSY}\nWaited over 10 seconds")
    first = read_on(tmp_path, begin["logs"], SECTION)
    assert first["database_errors"] == [BUSY]
    assert "database_errors" not in read_on(tmp_path, first["logs"], SECTION)
    with (tmp_path / SERVER).open("a", encoding="utf-8") as file:
        file.write(" for a busy database; giving up.\n")
    assert read_on(tmp_path, first["logs"], SECTION)["database_errors"] == [BUSY]


def test_a_log_that_is_put_aside_is_read_to_its_end(tmp_path: Path) -> None:
    write(tmp_path, SERVER, "quiet")
    begin = read_on(tmp_path, None, SECTION)
    write(tmp_path, SERVER, f"Jobs: {JOB} exit code for process 1 is 1 (failure)")
    (tmp_path / SERVER).rename(tmp_path / "Plex Media Server.1.log")
    write(tmp_path, SERVER, f"Jobs: {JOB} exit code for process 2 is 0 (success)")
    assert read_on(tmp_path, begin["logs"], SECTION)["scanner_exits"] == [1, 0]


def test_a_log_that_shrank_is_read_from_its_beginning(tmp_path: Path) -> None:
    write(tmp_path, SERVER, *["quiet"] * 9)
    begin = read_on(tmp_path, None, SECTION)
    (tmp_path / SERVER).write_text(f"{BUSY}\n", encoding="utf-8")
    assert read_on(tmp_path, begin["logs"], SECTION)["database_errors"] == [BUSY]


def test_of_much_only_the_latest_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner_log, "LONGEST", 200)
    begin = read_on(tmp_path, None, SECTION)
    write(tmp_path, SERVER, BUSY, *["quiet"] * 99, "Database error: disk I/O error")
    after = read_on(tmp_path, begin["logs"], SECTION)
    assert after["database_errors"] == ["disk I/O error"]
    assert after["logs"][SERVER][1] == (tmp_path / SERVER).stat().st_size


def test_no_logs_say_nothing(tmp_path: Path) -> None:
    assert read_on(tmp_path / "nowhere", None, SECTION) == {"logs": {}}
    assert read_on(tmp_path / "nowhere", {SERVER: [1, 2]}, SECTION) == {"logs": {SERVER: [1, 2]}}
