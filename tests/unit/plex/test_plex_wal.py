"""What a killed server left in its write-ahead logs ends up in the databases."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from plugins.modules import plex_wal

from .conftest import BLOBS, LIBRARY, Databases, RunModule


@pytest.fixture
def killed(databases: Databases, tmp_path: Path) -> Path:
    """Both databases as a kill leaves them: the last track is in the log only."""
    directory = tmp_path / "killed"
    with closing(sqlite3.connect(databases.directory / LIBRARY)) as server:
        server.execute("PRAGMA wal_autocheckpoint = 0")
        server.execute("INSERT INTO library_sections VALUES (7, 'Late')")
        server.commit()
        shutil.copytree(databases.directory, directory)
    return directory


def sections(directory: Path) -> list[tuple[int, str]]:
    """What is in the file alone, as a copy of it would show."""
    alone = directory / "alone.db"
    shutil.copy(directory / LIBRARY, alone)
    with closing(sqlite3.connect(alone)) as library:
        return library.execute("SELECT * FROM library_sections").fetchall()


def test_the_log_is_written_once(killed: Path, run_module: RunModule) -> None:
    assert sections(killed) == []
    first = run_module(plex_wal, directory=str(killed))
    assert (first["changed"], list(first["written"]), first["left"]) == (True, [LIBRARY], [])
    assert sections(killed) == [(7, "Late")]
    assert run_module(plex_wal, directory=str(killed))["changed"] is False


def test_check_mode_writes_nothing(killed: Path, run_module: RunModule) -> None:
    assert run_module(plex_wal, check_mode=True, directory=str(killed))["changed"]
    assert sections(killed) == []


def test_a_database_in_use_is_left_and_told(killed: Path, run_module: RunModule) -> None:
    with closing(sqlite3.connect(killed / LIBRARY)) as user:
        user.execute("BEGIN")
        user.execute("SELECT * FROM library_sections").fetchall()
        result = run_module(plex_wal, directory=str(killed), timeout=0.05)
    assert (result["changed"], len(result["left"])) == (False, 1)
    assert LIBRARY in result["left"][0]


def test_no_server_was_ever_here(tmp_path: Path, run_module: RunModule) -> None:
    result = run_module(plex_wal, directory=str(tmp_path))
    assert (result["changed"], result["left"]) == (False, [])
    assert BLOBS not in result["written"]
