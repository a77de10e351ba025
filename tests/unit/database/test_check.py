"""plex_db_check over sound pairs and over every kind of damage we know how to make."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.integrity import check
from module_utils.plex_db import PlexDatabaseError, reading
from plugins.modules import plex_db_check
from tests.unit.database.builder import BLOBS, LIBRARY, Builder, execute, query


def test_a_sound_pair(run: Callable[..., dict[str, Any]], either: Path) -> None:
    result = run(plex_db_check, directory=either)
    assert (result["ok"], result["problems"], result["changed"], result["unchecked"]) == (True, [], False, [])
    assert "Music" in [section["name"] for section in result["sections"]]
    assert result["migrations"]["library"] == result["migrations"]["blobs"] > 0
    assert result["orphans"] == {"parts_without_item": 0, "items_without_metadata": 0}


@pytest.mark.parametrize(("dates", "expected"), [("datetime", "text_dates"), ("dt_integer(8)", "unix_dates")])
def test_both_spellings_of_dates(tmp_path: Path, dates: str, expected: str) -> None:
    builder = Builder(tmp_path, dates)
    builder.music()
    findings = check(builder.finish())
    assert (findings.problems, findings.pms_schema) == ([], expected)


def truncate(directory: Path) -> None:
    with (directory / LIBRARY).open("r+b") as file:
        file.truncate((directory / LIBRARY).stat().st_size - 3 * 1024)


def lengthen(directory: Path) -> None:
    with (directory / LIBRARY).open("ab") as file:
        file.write(b"\0" * 1024)


def empty(directory: Path) -> None:
    (directory / BLOBS).write_bytes(b"")


def not_sqlite(directory: Path) -> None:
    (directory / LIBRARY).write_bytes(b"<html>404 Not Found</html>" * 200)


def short(directory: Path) -> None:
    (directory / LIBRARY).write_bytes(b"SQLite format 3\0")


def bad_page_size(directory: Path) -> None:
    with (directory / LIBRARY).open("r+b") as file:
        file.seek(16)
        file.write(struct.pack(">H", 1000))


def missing_blobs(directory: Path) -> None:
    (directory / BLOBS).unlink()


def missing_library(directory: Path) -> None:
    (directory / LIBRARY).unlink()


def link(directory: Path) -> None:
    (directory / LIBRARY).rename(directory / "elsewhere.db")
    (directory / LIBRARY).symlink_to(directory / "elsewhere.db")


def another_program(directory: Path) -> None:
    (directory / LIBRARY).unlink()
    execute(directory / LIBRARY, "CREATE TABLE bookmarks (id INTEGER PRIMARY KEY)")


def swap(directory: Path) -> None:
    (directory / LIBRARY).rename(directory / "x")
    (directory / BLOBS).rename(directory / LIBRARY)
    (directory / "x").rename(directory / BLOBS)


def library_twice(directory: Path) -> None:
    shutil.copyfile(directory / LIBRARY, directory / BLOBS)


def other_version(directory: Path) -> None:
    with closing(sqlite3.connect(directory / BLOBS)) as connection:
        connection.executemany("INSERT INTO schema_migrations (version) VALUES (?)", [(f"9{n}",) for n in range(30)])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def no_sections(directory: Path) -> None:
    execute(directory / LIBRARY, "DELETE FROM library_sections")


def orphans(directory: Path) -> None:
    with closing(sqlite3.connect(directory / LIBRARY)) as connection:
        connection.executemany("INSERT INTO media_parts (media_item_id) VALUES (?)", [(10**6 + n,) for n in range(99)])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def stale_index(directory: Path) -> None:
    """A row that its index does not know: what a write by a wrong build leaves behind."""
    with closing(sqlite3.connect(directory / LIBRARY)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'index_media_parts_on_file'").fetchone()
        change = "UPDATE sqlite_master SET sql = ? WHERE name = 'index_media_parts_on_file'"
        connection.execute(change, (sql + " WHERE 0",))
        connection.commit()
        connection.execute("PRAGMA writable_schema = RESET")
        connection.execute("UPDATE media_parts SET file = file || 'x' WHERE id = (SELECT max(id) FROM media_parts)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(change, (sql,))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def sequence(directory: Path) -> None:
    execute(directory / LIBRARY, "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'media_parts'")


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (truncate, "is truncated"),
    (lengthen, "is longer than it says"),
    (empty, "is empty (zero bytes)"),
    (not_sqlite, "is not an SQLite database"),
    (short, "is not an SQLite database"),
    (bad_page_size, "has a damaged SQLite header"),
    (missing_blobs, "is missing"),
    (missing_library, "is missing"),
    (link, "is missing"),
    (another_program, "is not Plex's"),
    (swap, "are swapped"),
    (library_twice, "is a library database, not the blobs database"),
    (other_version, "different versions of Plex (30 migrations differ)"),
    (no_sections, "has no library section"),
    (orphans, "has 99 parts without item"),
    (sequence, "sqlite_sequence disagrees with media_parts"),
    (stale_index, "missing from index index_media_parts_on_file"),
]


@pytest.mark.parametrize(("damage", "words"), DAMAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_damage_is_named(
    run: Callable[..., dict[str, Any]], either: Path, damage: Callable[[Path], None], words: str
) -> None:
    damage(either)
    result = run(plex_db_check, directory=either)
    assert result["failed"]
    assert words in result["msg"]
    assert LIBRARY in result["msg"] or BLOBS in result["msg"]
    assert result["msg"].rstrip(".")[-1].isalnum() or result["msg"].endswith(").")
    told = run(plex_db_check, directory=either, fail=False)
    assert not told.get("failed")
    assert (told["ok"], told["problems"]) == (False, result["problems"])


def tree_pages(data: bytes, size: int) -> list[int]:
    """Every page that belongs to a table's or index's tree, by the kind in its first byte."""
    return [number for number in range(1, len(data) // size) if data[number * size] in {2, 5, 10, 13}]


def flip(page: bytes, other: bytes, chance: random.Random) -> bytes:
    return bytes(byte ^ 0xFF for byte in page)


def zero(page: bytes, other: bytes, chance: random.Random) -> bytes:
    return bytes(len(page))


def noise(page: bytes, other: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(page))


def misdirect(page: bytes, other: bytes, chance: random.Random) -> bytes:
    return other


def tear(page: bytes, other: bytes, chance: random.Random) -> bytes:
    return other[:512] + page[512:]


@pytest.mark.deep
@pytest.mark.parametrize("spoil", [flip, zero, noise, misdirect, tear])
@pytest.mark.parametrize("name", [LIBRARY, BLOBS])
def test_damaged_pages_are_found(
    either: Path, name: str, spoil: Callable[[bytes, bytes, random.Random], bytes]
) -> None:
    source = (either / name).read_bytes()
    size = struct.unpack(">H", source[16:18])[0]
    pages = tree_pages(source, size)
    missed = []
    for seed in range(int(os.environ.get("SEEDS", "5"))):
        chance = random.Random(f"{spoil.__name__} {seed}")
        number, other = chance.sample(pages, 2)
        start = number * size
        page = source[start : start + size]
        spoiled = spoil(page, source[other * size : (other + 1) * size], chance)
        (either / name).write_bytes(source[:start] + spoiled + source[start + size :])
        if spoiled != page and not check(either).problems:
            missed.append((seed, number))
    assert not missed


def test_a_locked_database_is_a_state(run: Callable[..., dict[str, Any]], pair: Path) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        holder.execute("UPDATE library_sections SET name = name")
        result = run(plex_db_check, directory=pair, fail=False, timeout=0.1)
    assert (result["locked"], result["ok"]) == (True, False)
    assert "is locked by another process" in result["problems"][0]


def test_a_log_beside_the_database_is_read_along(pair: Path) -> None:
    writer = sqlite3.connect(pair / LIBRARY)
    writer.execute("PRAGMA wal_autocheckpoint = 0")
    writer.execute("INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")
    writer.commit()
    findings = check(pair)
    writer.close()
    assert findings.problems == []
    assert "Late" in [section["name"] for section in findings.sections]


def test_a_message_that_cannot_be_read_is_still_a_sentence(pair: Path) -> None:
    with pytest.raises(PlexDatabaseError) as caught, reading(pair / LIBRARY):
        b"\xff".decode()
    assert str(caught.value) == f"{pair / LIBRARY}: malformed database schema."


def test_checking_changes_nothing(pair: Path) -> None:
    before = (pair / LIBRARY).read_bytes()
    check(pair)
    assert (pair / LIBRARY).read_bytes() == before
    assert query(pair / LIBRARY, "SELECT count(*) FROM media_parts") == [(15,)]
