"""plex_db_repair: what is damaged is salvaged, what would be lost is said first, the original is kept."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.integrity import check
from plugins.modules import plex_db_repair
from tests.unit.database.builder import BLOBS, LIBRARY, query

Run = Callable[..., dict[str, Any]]
COUNTED = ("metadata_items", "media_items", "media_parts", "media_streams", "directories", "schema_migrations")


def pages(path: Path, table: str) -> tuple[bytes, int, list[int]]:
    """The file, its page size, and the leaf pages of a table's or index's tree."""
    data = path.read_bytes()
    size = struct.unpack(">H", data[16:18])[0]
    ((root,),) = query(path, "SELECT rootpage FROM sqlite_master WHERE name = ?", table)
    found, pending = [], [root]
    while pending:
        number = pending.pop()
        start = (number - 1) * size
        if data[start] in {10, 13}:
            found.append(number)
            continue
        (cells,) = struct.unpack(">H", data[start + 3 : start + 5])
        pending.append(struct.unpack(">I", data[start + 8 : start + 12])[0])
        for cell in range(cells):
            (offset,) = struct.unpack(">H", data[start + 12 + 2 * cell : start + 14 + 2 * cell])
            pending.append(struct.unpack(">I", data[start + offset : start + offset + 4])[0])
    return data, size, sorted(found)


def spoil(path: Path, table: str) -> None:
    data, size, leaves = pages(path, table)
    start = (leaves[len(leaves) // 2] - 1) * size
    path.write_bytes(data[:start] + bytes(byte ^ 0xFF for byte in data[start : start + size]) + data[start + size :])


def counts(directory: Path) -> dict[str, int]:
    return {table: query(directory / LIBRARY, f"SELECT count(*) FROM {table} NOT INDEXED")[0][0] for table in COUNTED}


def test_sound_ones_are_left_alone(run: Run, either: Path) -> None:
    before = {name: (either / name).read_bytes() for name in (LIBRARY, BLOBS)}
    result = run(plex_db_repair, directory=either)
    assert (result["changed"], result["kept"], result["databases"]) == (False, "", {})
    assert before == {name: (either / name).read_bytes() for name in (LIBRARY, BLOBS)}


@pytest.mark.deep
@pytest.mark.parametrize("index", ["index_media_parts_on_file", "index_metadata_items_on_guid"])
def test_a_damaged_index_costs_nothing(run: Run, either: Path, index: str) -> None:
    before = counts(either)
    rows = query(either / LIBRARY, "SELECT * FROM media_parts NOT INDEXED ORDER BY id")
    spoil(either / LIBRARY, index)
    damaged = (either / LIBRARY).read_bytes()
    assert check(either).problems
    assert run(plex_db_repair, directory=either, check_mode=True)["changed"]
    assert (either / LIBRARY).read_bytes() == damaged
    result = run(plex_db_repair, directory=either)
    assert (result["changed"], result["lost"], list(result["databases"])) == (True, {}, [LIBRARY])
    assert counts(either) == before
    assert query(either / LIBRARY, "SELECT * FROM media_parts NOT INDEXED ORDER BY id") == rows
    assert (Path(result["kept"]) / LIBRARY).read_bytes() == damaged
    assert check(either).problems == []
    assert any("icu_root" in statement for statement in result["databases"][LIBRARY]["left_out"])
    assert run(plex_db_repair, directory=either)["changed"] is False


def test_what_plex_needs_is_still_there(run: Run, either: Path) -> None:
    schema = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND sql NOT LIKE '%icu_root%'"
    before = {tuple(row) for row in query(either / LIBRARY, schema)}
    sequence = query(either / LIBRARY, "SELECT * FROM sqlite_sequence ORDER BY name")
    spoil(either / LIBRARY, "index_media_parts_on_file")
    run(plex_db_repair, directory=either)
    assert {tuple(row) for row in query(either / LIBRARY, schema)} == before
    assert query(either / LIBRARY, "SELECT * FROM sqlite_sequence ORDER BY name") == sequence
    assert query(either / LIBRARY, "PRAGMA journal_mode") == [("wal",)]
    assert query(either / LIBRARY, "PRAGMA page_size") == [(1024,)]


@pytest.mark.deep
@pytest.mark.parametrize("table", ["metadata_items", "media_parts"])
def test_lost_rows_are_refused_unless_accepted(run: Run, either: Path, table: str) -> None:
    before = counts(either)
    spoil(either / LIBRARY, table)
    damaged = (either / LIBRARY).read_bytes()
    refused = run(plex_db_repair, directory=either)
    assert refused["failed"]
    assert f" of {table}" in refused["msg"]
    assert "nothing was changed" in refused["msg"]
    assert (either / LIBRARY).read_bytes() == damaged
    assert sorted(path.name for path in either.iterdir() if path.suffix == "") == []
    accepted = run(plex_db_repair, directory=either, accept_loss=True)
    lost = accepted["lost"][table]
    assert 0 < lost <= before[table]
    assert counts(either) == before | {table: before[table] - lost}
    assert check(either).problems == [] or "without" in check(either).problems[0]


def test_blobs(run: Run, either: Path) -> None:
    with closing(sqlite3.connect(either / BLOBS)) as connection:
        (before,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
    spoil(either / BLOBS, "index_blobs_on_linked_type")
    result = run(plex_db_repair, directory=either)
    assert list(result["databases"]) == [BLOBS]
    assert query(either / BLOBS, "SELECT count(*) FROM blobs NOT INDEXED") == [(before,)]


@pytest.mark.parametrize("content", [b"", b"<html>" * 999])
def test_nothing_to_salvage_from(run: Run, pair: Path, content: bytes) -> None:
    (pair / LIBRARY).write_bytes(content)
    assert "cannot be salvaged" in run(plex_db_repair, directory=pair)["msg"]
    assert (pair / LIBRARY).read_bytes() == content
