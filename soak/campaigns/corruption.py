"""Every damage to a pair of databases is found, whatever it hits: pages, headers, logs, whole files, wrong files.

A look-alike pair and, where it is there, a pair that a real Plex wrote. 100 % must be found by the full check.
"""
# Longer than other files: the kinds of damage stand in one place, each beside what it does.

from __future__ import annotations

import random
import shutil
import sqlite3
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from lab.plexsim.plexsim import rows, schema
from module_utils.integrity import check
from module_utils.plex_db import BLOBS, LIBRARY
from soak.campaign import BrokenPromiseError, Case

SAMPLE = 84
REAL = Path(__file__).parents[3] / "shared" / "data" / "plex-1.32.8"
TABLE_LEAF, TABLE_INNER, INDEX_LEAF, INDEX_INNER = 13, 5, 10, 2


def _pages(data: bytes, kinds: set[int]) -> tuple[int, list[int]]:
    size = struct.unpack(">H", data[16:18])[0]
    return size, [number for number in range(1, len(data) // size) if data[number * size] in kinds]


def _spoil(kinds: set[int], how: Callable[[bytes, bytes, random.Random], bytes]) -> Callable[..., None]:
    def damage(directory: Path, name: str, chance: random.Random) -> None:
        data = (directory / name).read_bytes()
        size, pages = _pages(data, kinds)
        number, other = chance.sample(pages, 2)
        page, donor = (data[at * size : (at + 1) * size] for at in (number, other))
        new = how(page, donor, chance)
        if new == page:
            new = bytes(byte ^ 0xFF for byte in page)
        (directory / name).write_bytes(data[: number * size] + new + data[(number + 1) * size :])

    return damage


def _cut(directory: Path, name: str, chance: random.Random) -> None:
    size = (directory / name).stat().st_size
    with (directory / name).open("r+b") as file:
        file.truncate(chance.randrange(1, size))


def _grown(directory: Path, name: str, chance: random.Random) -> None:
    with (directory / name).open("ab") as file:
        file.write(chance.randbytes(1024 * chance.randrange(1, 9)))


def _empty(directory: Path, name: str, _: random.Random) -> None:
    (directory / name).write_bytes(b"")


def _missing(directory: Path, name: str, _: random.Random) -> None:
    (directory / name).unlink()


def _wrong(directory: Path, name: str, chance: random.Random) -> None:
    (directory / name).write_bytes(chance.randbytes(chance.randrange(1, 100_000)))


def _header(directory: Path, name: str, chance: random.Random) -> None:
    """A byte of the header that SQLite relies on: name, page size, versions, payload fractions, schema format."""
    with (directory / name).open("r+b") as file:
        offset = chance.choice([*range(18), 18, 19, 21, 22, 23, 47])
        file.seek(offset)
        old = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([old ^ chance.choice([0x10, 0x40, 0x80])]))


def _swapped(directory: Path, _: str, __: random.Random) -> None:
    (directory / LIBRARY).rename(directory / "x")
    (directory / BLOBS).rename(directory / LIBRARY)
    (directory / "x").rename(directory / BLOBS)


def _twice(directory: Path, _: str, __: random.Random) -> None:
    shutil.copyfile(directory / LIBRARY, directory / BLOBS)


def _sql(directory: Path, name: str, *statements: str) -> None:
    with closing(sqlite3.connect(directory / name, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _lost_entry(directory: Path, _: str, chance: random.Random) -> None:
    """A row that one of its indexes does not know, as a write by a wrong build leaves it."""
    table, index = chance.choice(
        [("media_parts", "index_media_parts_on_file"), ("media_parts", "index_media_parts_on_directory_id")]
    )
    with closing(sqlite3.connect(directory / LIBRARY, isolation_level=None)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
        keys = [key for (key,) in connection.execute(f"SELECT id FROM {table}")]
    change = "UPDATE sqlite_master SET sql = {} WHERE name = '" + index + "'"
    quoted = "'" + sql.replace("'", "''")
    _sql(
        directory,
        LIBRARY,
        "PRAGMA writable_schema = ON",
        change.format(quoted + " WHERE 0'"),
        "PRAGMA writable_schema = RESET",
        f"UPDATE {table} SET file = file || 'x', directory_id = 1000000 WHERE id = {chance.choice(keys)}",
        "PRAGMA writable_schema = ON",
        change.format(quoted + "'"),
    )


def _foreign_log(directory: Path, _: str, chance: random.Random) -> None:
    """The log of another database of the same shape: its pages are played over ours."""
    other = directory / "other"
    other.mkdir()
    shutil.copyfile(directory / LIBRARY, other / LIBRARY)
    # Other contents on the same pages: rows go away and come back elsewhere.
    _sql(other, LIBRARY, "DELETE FROM media_parts WHERE id % 2 = 0", "UPDATE media_parts SET file = file || file")
    with closing(sqlite3.connect(other / LIBRARY, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute(f"UPDATE media_parts SET file = 'x{chance.randrange(1000)}' || file")
        shutil.copyfile(other / f"{LIBRARY}-wal", directory / f"{LIBRARY}-wal")
    shutil.rmtree(other)


def _other_version(directory: Path, name: str, _: random.Random) -> None:
    _sql(directory, name, *(f"INSERT INTO schema_migrations (version) VALUES ('30{n}')" for n in range(20)))


def _no_table(directory: Path, name: str, chance: random.Random) -> None:
    table = chance.choice(["library_sections", "media_parts", "media_items", "schema_migrations", "blobs"])
    _sql(directory, name, f"DROP TABLE {table}")


def _orphans(directory: Path, _: str, __: random.Random) -> None:
    _sql(directory, LIBRARY, "UPDATE media_parts SET media_item_id = 1000000 + id")


def _flip(page: bytes, _: bytes, __: random.Random) -> bytes:
    return bytes(byte ^ 0xFF for byte in page)


def _zero(page: bytes, _: bytes, __: random.Random) -> bytes:
    return bytes(len(page))


def _noise(page: bytes, _: bytes, chance: random.Random) -> bytes:
    return chance.randbytes(len(page))


def _other_page(_: bytes, donor: bytes, __: random.Random) -> bytes:
    return donor


def _torn(page: bytes, donor: bytes, _: random.Random) -> bytes:
    return donor[:512] + page[512:]


_LEAVES, _INNER = {TABLE_LEAF}, {TABLE_INNER, INDEX_INNER}
KINDS: dict[str, Callable[[Path, str, random.Random], None]] = {
    "table leaf flipped": _spoil(_LEAVES, _flip),
    "table leaf zeroed": _spoil(_LEAVES, _zero),
    "table leaf of noise": _spoil(_LEAVES, _noise),
    "index leaf flipped": _spoil({INDEX_LEAF}, _flip),
    "index leaf of another index": _spoil({INDEX_LEAF}, _other_page),
    "inner page zeroed": _spoil(_INNER, _zero),
    "inner page of another tree": _spoil(_INNER, _other_page),
    "any page torn": _spoil(_LEAVES | _INNER | {INDEX_LEAF}, _torn),
    "header byte": _header,
    "cut": _cut,
    "grown": _grown,
    "zero bytes": _empty,
    "missing": _missing,
    "wrong file": _wrong,
    "swapped": _swapped,
    "library twice": _twice,
    "row missing from an index": _lost_entry,
    "log of another database": _foreign_log,
    "another version": _other_version,
    "table missing": _no_table,
    "parts without item": _orphans,
}


def _look_alike(directory: Path) -> None:
    """Some hundred tracks on the stand-in's schema, enough that trees have inner pages."""
    schema.create_library(directory)
    with closing(schema.connect(directory / LIBRARY)) as library, schema.transaction(library):
        rows.add_section(library, name="Music", section_type=8, locations=["/m"], now=1, section_id=5)
        for number in range(1, 301):
            library.execute(
                "INSERT INTO metadata_items (id, library_section_id, metadata_type, guid, title, title_sort)"
                " VALUES (?, 5, 10, ?, ?, ?)",
                (number, f"plex://track/{number:024x}", f"Track {number}", f"Track {number}"),
            )
            library.execute(
                "INSERT INTO media_items (id, library_section_id, metadata_item_id) VALUES (?, 5, ?)", (number, number)
            )
            library.execute(
                "INSERT INTO media_parts (id, media_item_id, directory_id, file, size) VALUES (?, ?, 1, ?, 1)",
                (number, number, f"/m/Artist {number % 20}/{number}.flac"),
            )
    with closing(schema.connect(directory / BLOBS)) as blobs, schema.transaction(blobs):
        blobs.executemany(
            "INSERT INTO blobs (blob, linked_type, linked_id, blob_type)"
            " VALUES (randomblob(300), 'metadata_item', ?, 7)",
            [(number,) for number in range(1, 301)],
        )
    for name in (LIBRARY, BLOBS):
        _sql(directory, name)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Each kind in turn, on either pair and either file."""
    pairs = ["look-alike"] + (["1.32.8"] if (REAL / LIBRARY).exists() else [])
    for number in range(count):
        turn, kind = divmod(number, len(KINDS))
        pair = pairs[turn % len(pairs)]
        name = (LIBRARY, BLOBS)[turn // len(pairs) % 2]
        yield {"kind": list(KINDS)[kind], "pair": pair, "file": name, "seed": seed * 1_000_003 + turn}


def run(case: Case, workdir: Path) -> dict[str, Any]:
    """Damage a copy of a pair and check it; a sound copy must be called sound."""
    directory = workdir / "Databases"
    if case["pair"] == "look-alike":
        _look_alike(directory)
    else:
        directory.mkdir()
        for name in (LIBRARY, BLOBS):
            shutil.copyfile(REAL / name, directory / name)
    if problems := check(directory).problems:
        raise BrokenPromiseError(f"a sound pair is called damaged: {problems[0]}")
    KINDS[case["kind"]](directory, case["file"], random.Random(case["seed"]))
    problems = check(directory).problems
    if not problems:
        raise BrokenPromiseError("the damage was not found")
    if not any(str(directory / name) in problem for problem in problems for name in (LIBRARY, BLOBS)):
        raise BrokenPromiseError(f"no file is named: {problems[0]}")
    return {"problems": len(problems)}
