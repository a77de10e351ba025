"""Plex's own SQLite: what it says is told, and when it cannot be asked, that is told. Asked for real in tests/lab."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.plex_sqlite import full_check
from plugins.modules import plex_db_check
from tests.unit.database.builder import BLOBS, LIBRARY

IMAGE = "plexinc/pms-docker:1.43.3.10861-07dfddaeb"
Docker = Callable[[str], None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """A docker of our own; what it was asked stands in "asked"."""

    def make(script: str) -> None:
        program = tmp_path / "bin" / "docker"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\ncat > {tmp_path}/script\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return make


def test_whole(docker: Docker, pair: Path, tmp_path: Path) -> None:
    docker("echo ok")
    found = full_check(pair, IMAGE)
    assert (found.state, found.problems, found.warnings) == ("ok", [], [])
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "/usr/lib/plexmediaserver/Plex SQLite" in asked
    assert f'type=bind,"source={pair}",target=/databases' in asked
    assert asked[asked.index("--network") + 1] == "none"
    assert asked[asked.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert (tmp_path / "script").read_text().startswith('PRAGMA integrity_check(5);\nINSERT INTO "fts4_icu"')


def test_damage_that_only_it_can_see(run: Callable[..., dict[str, Any]], docker: Docker, pair: Path) -> None:
    docker("echo 'row 7 missing from index index_title_sort_icu'")
    result = run(plex_db_check, directory=pair, image=IMAGE)
    assert result["failed"]
    assert f"{LIBRARY} is damaged, says Plex's own SQLite (row 7 missing from" in result["msg"]
    assert result["plex_sqlite"]["state"] == "damaged"


def test_a_damaged_full_text_index_is_a_warning(run: Callable[..., dict[str, Any]], docker: Docker, pair: Path) -> None:
    docker("echo ok; echo 'Error: near line 2: database disk image is malformed' >&2; exit 1")
    result = run(plex_db_check, directory=pair, image=IMAGE)
    assert (result["ok"], result["plex_sqlite"]["state"]) == (True, "ok")
    assert "full text index fts4_icu is damaged, no row is lost" in result["plex_sqlite"]["warnings"][0]


def test_a_table_that_no_trigger_feeds_is_not_judged(docker: Docker, pair: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(pair / BLOBS)) as blobs:
        blobs.execute("CREATE VIRTUAL TABLE fts4 USING fts4(content='metadata_items', title)")
        blobs.commit()
    docker("echo ok")
    full_check(pair, IMAGE)
    asked = (tmp_path / "script").read_text().splitlines()  # the last that was asked, which is of this database
    assert [line.partition("(")[0] for line in asked] == ["PRAGMA integrity_check", 'INSERT INTO "fts4_icu"']


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'Unable to find image' >&2; exit 125", "Unable to find image"),
        ("echo 'exec: no such file or directory' >&2; exit 127", "no such file or directory"),
    ],
)
def test_absent(run: Callable[..., dict[str, Any]], docker: Docker, pair: Path, script: str, why: str) -> None:
    docker(script)
    result = run(plex_db_check, directory=pair, image=IMAGE)
    assert (result["ok"], result["plex_sqlite"]["state"]) == (True, "absent")
    assert why in result["plex_sqlite"]["why"]


def test_no_docker(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert full_check(pair, IMAGE).why == "there is no docker here"


def test_nobody_is_asked_about_what_is_damaged_already(
    run: Callable[..., dict[str, Any]], docker: Docker, pair: Path, tmp_path: Path
) -> None:
    docker("echo ok")
    (pair / LIBRARY).write_bytes(b"")
    assert run(plex_db_check, directory=pair, image=IMAGE)["plex_sqlite"]["state"] == "not asked"
    assert not (tmp_path / "asked").exists()
