"""A database is copied as a file while somebody writes and checkpoints: the copy is one state, and not an old one."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sqlite3
from contextlib import closing
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest

from module_utils import database_copy
from module_utils.database_copy import copy_database
from module_utils.plex_db import PlexDatabaseError
from tests.unit.database.builder import execute, query

ROWS = 400
CHECKPOINTS = ("PASSIVE", "FULL", "RESTART", "TRUNCATE")


def connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30, isolation_level=None)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """One value in rows on many pages: any mixture of two states shows."""
    path = tmp_path / "source.db"
    with closing(connected(path)) as connection:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("CREATE TABLE pages (id INTEGER PRIMARY KEY, value INTEGER, filling TEXT)")
        connection.execute("CREATE INDEX by_value ON pages (value, filling)")
        connection.executemany("INSERT INTO pages VALUES (?, 0, ?)", [(key, "x" * 300) for key in range(ROWS)])
    return path


def value(path: Path) -> int:
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    ((lowest, highest, rows),) = query(path, "SELECT min(value), max(value), count(*) FROM pages")
    assert (lowest, rows) == (highest, ROWS)
    return int(lowest)


def write_without_end(path: Path, seed: int, ready: Event, stop: Event) -> None:
    """Change all rows in each commit; checkpoint in every way, so that the log begins anew again and again."""
    chance = random.Random(seed)
    with closing(connected(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA wal_autocheckpoint = 20")
        while not stop.is_set():
            connection.execute("UPDATE pages SET value = value + 1")
            if chance.random() < 0.3:
                connection.execute("PRAGMA busy_timeout = 1")
                connection.execute(f"PRAGMA wal_checkpoint({chance.choice(CHECKPOINTS)})").fetchall()
                connection.execute("PRAGMA busy_timeout = 30000")
            ready.set()


def copied_under_fire(database: Path, place: Path, seed: int, copies: int) -> list[int]:
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    writer = context.Process(target=write_without_end, args=(database, seed, ready, stop))
    writer.start()
    try:
        assert ready.wait(30)
        seen = []
        for _ in range(copies):
            # What was committed before the copy began must be in it.
            with closing(connected(database)) as connection:
                (before,) = connection.execute("SELECT max(value) FROM pages").fetchone()
            copy_database(database, place / "copy.db")
            seen.append(value(place / "copy.db"))
            assert seen[-1] >= before
        return seen
    finally:
        stop.set()
        writer.join(30)


@pytest.mark.deep
def test_under_fire_a_copy_is_one_state(database: Path, tmp_path: Path) -> None:
    seen = copied_under_fire(database, tmp_path, 1, 15)
    assert seen == sorted(seen)
    assert seen[-1] > seen[0]


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 6))
def test_under_long_fire_a_copy_is_one_state(database: Path, tmp_path: Path, seed: int) -> None:
    seen = copied_under_fire(database, tmp_path, seed, 60)
    assert seen == sorted(seen)


@pytest.mark.parametrize("truncated", [False, True])
def test_a_log_that_begins_anew_while_it_is_copied(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncated: bool
) -> None:
    copyfile, calls = shutil.copyfile, 0
    with closing(connected(database)) as writer:
        for _ in range(3):
            writer.execute("UPDATE pages SET value = value + 1")
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

        def interrupted(source: Path, target: Path) -> Any:
            nonlocal calls
            calls += 1
            if calls > 1:
                return copyfile(source, target)
            # The first two of three commits, then the log is another one.
            data = source.read_bytes()
            target.write_bytes(data[: len(data) * 2 // 3])
            if truncated:
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            else:
                writer.execute("UPDATE pages SET value = value + 1")
            return target

        monkeypatch.setattr(shutil, "copyfile", interrupted)
        copy_database(database, tmp_path / "copy.db")
    assert value(tmp_path / "copy.db") == (3 if truncated else 4)


def test_a_log_that_never_rests_is_refused(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = iter(range(100))
    monkeypatch.setattr(database_copy, "_log_header", lambda _: str(next(headers)).encode())
    with closing(connected(database)) as writer:
        writer.execute("UPDATE pages SET value = 1")
        with pytest.raises(PlexDatabaseError, match="its log changes without end"):
            copy_database(database, tmp_path / "copy.db")
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_what_is_wrong_is_said_of_the_source(database: Path, tmp_path: Path) -> None:
    execute(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    with database.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 900)
    with pytest.raises(PlexDatabaseError, match=rf"^{database}(:| could not be copied to)"):
        copy_database(database, tmp_path / "copy.db")


@pytest.mark.parametrize("journal", ["DELETE", "TRUNCATE", "PERSIST"])
def test_a_database_without_a_log(database: Path, tmp_path: Path, journal: str) -> None:
    execute(database, f"PRAGMA journal_mode = {journal}")
    execute(database, "UPDATE pages SET value = 5")
    copy_database(database, tmp_path / "copy.db")
    assert value(tmp_path / "copy.db") == 5


def test_a_copy_beside_an_open_transaction_where_there_is_no_log(database: Path, tmp_path: Path) -> None:
    execute(database, "PRAGMA journal_mode = DELETE")
    with closing(connected(database)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE pages SET value = 7")
        copy_database(database, tmp_path / "copy.db")
        writer.execute("COMMIT")
    assert value(tmp_path / "copy.db") == 0
