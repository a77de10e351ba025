"""Whatever reads a library while the server works: the server commits at every moment of it, without waiting."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils import census, snapshot
from module_utils.integrity import check
from module_utils.plex_db import BLOBS, LIBRARY
from module_utils.progress_counts import CHANGES, Memory, read_counts

MUSIC = 2
INSERT = "INSERT INTO blobs (linked_type, linked_id, blob_type) VALUES ('x', ?, 1)"


def everything(pair: Path, _: Path) -> None:
    read_counts(str(pair), MUSIC)


def changes(pair: Path, place: Path) -> None:
    memory = Memory(place / "counted", "process 1")
    while read_counts(str(pair), MUSIC, memory=memory).counted != CHANGES:
        pass


def counted(pair: Path, _: Path) -> None:
    census.take(pair)


def checked(pair: Path, _: Path) -> None:
    assert check(pair, quick=True).problems == []


def copied(pair: Path, place: Path) -> None:
    snapshot.take(pair, place / "snapshot")


@pytest.mark.deep
@pytest.mark.parametrize("work", [everything, changes, counted, checked, copied])
@pytest.mark.parametrize("name", [LIBRARY, BLOBS])
def test_the_server_never_waits(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: Callable[[Path, Path], None], name: str
) -> None:
    connect: Any = sqlite3.connect
    commits, refused, alone = 0, [], threading.Lock()
    with closing(connect(pair / name, timeout=0, isolation_level=None, check_same_thread=False)) as server:

        def commit(statement: str) -> None:
            nonlocal commits
            try:
                with alone:
                    commits += 1
                    server.execute("UPDATE directories SET updated_at = ifnull(updated_at, 0) + 1")
                    server.execute(INSERT, (commits,))
            except sqlite3.Error as error:
                refused.append((statement, str(error)))

        def traced(*arguments: Any, **options: Any) -> Any:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(commit)
            return connection

        monkeypatch.setattr(sqlite3, "connect", traced)
        work(pair, tmp_path)
        monkeypatch.undo()
        assert refused == []
        assert commits > 3
        # And none of them keeps the log from being emptied afterwards.
        assert server.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
