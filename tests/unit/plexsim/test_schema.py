"""The look-alike database refuses stock SQLite exactly where the real one does, and reads where it reads."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import rows, schema

REAL = Path(__file__).parents[4] / "shared" / "data" / "plex-1.32.8" / schema.LIBRARY
needs_real = pytest.mark.skipif(
    not REAL.exists(), reason=f"the real 1.32.8 database is not at {REAL}; its refusals are known from the tables"
)

ICU = "no such collation sequence: icu_root"
TOKENIZER = "unknown tokenizer: collating"
REFUSED = [
    ("PRAGMA integrity_check", ICU),
    ("PRAGMA quick_check", ICU),
    ("PRAGMA quick_check(metadata_items)", ICU),
    ("VACUUM", ICU),
    ("VACUUM INTO 'copy.db'", ICU),
    ("REINDEX", ICU),
    ("ANALYZE", ICU),
    ("INSERT INTO metadata_items (title) VALUES ('x')", ICU),
    ("DELETE FROM metadata_items WHERE id = 1", ICU),
    ("UPDATE metadata_items SET title = 'x' WHERE id = 1", TOKENIZER),
    ("UPDATE tags SET tag = 'x'", TOKENIZER),
    ("INSERT INTO tags (tag, tag_type) VALUES ('x', 1)", TOKENIZER),
    ("SELECT * FROM fts4_metadata_titles_icu", TOKENIZER),
    ("SELECT * FROM spellfix_metadata_titles", "no such module: spellfix1"),
]
ALLOWED = [
    "SELECT count(*) FROM fts4_metadata_titles",
    "SELECT title FROM metadata_items ORDER BY title_sort",
    "PRAGMA integrity_check(media_parts)",
    "PRAGMA foreign_key_check",
    "REINDEX media_parts",
    "INSERT INTO media_parts (file) VALUES ('/x')",
    "UPDATE media_parts SET file = '/y'",
    "DELETE FROM media_parts WHERE file = '/y'",
    "UPDATE section_locations SET root_path = '/x'",
    "INSERT INTO taggings (tag_id) VALUES (1)",
    "UPDATE metadata_item_settings SET rating = 1",
]
# what only releases before 1.43 had
GONE = (
    *("cloudsync_", "library_timeline_", "media_metadata_mappings", "plugin_permissions", "stream_types"),
    *("sync_schema_", "synced_", "synchronization_files", "sqlite_stat", "spellfix_"),
)


@pytest.fixture
def library(tmp_path: Path, fresh_library: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # one of the statements names a file
    fresh_library(tmp_path)
    path = tmp_path / schema.LIBRARY
    with closing(schema.connect(path)) as connection, schema.transaction(connection):
        rows.add_section(connection, name="Music", section_type=8, locations=["/m"], now=1, section_id=5)
        rows.add_item(connection, 5, rows.ARTIST, "Émile", 1)
        rows.insert(connection, "tags", {"tag": "Pop", "tag_type": 1})
    return path


@pytest.fixture
def stock(library: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(library, isolation_level=None)) as connection:
        yield connection


def refusal(connection: sqlite3.Connection, statement: str) -> str:
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute(statement).fetchall()
    return str(caught.value)


@pytest.mark.parametrize(("statement", "message"), REFUSED)
def test_stock_sqlite_is_refused(stock: sqlite3.Connection, statement: str, message: str) -> None:
    assert refusal(stock, statement) == message


@pytest.mark.parametrize("statement", ALLOWED)
def test_stock_sqlite_may(stock: sqlite3.Connection, statement: str) -> None:
    stock.execute(statement).fetchall()


def test_since_1_43_other_columns_of_an_item_may_be_updated(stock: sqlite3.Connection) -> None:
    changed = stock.execute("UPDATE metadata_items SET summary = 'x', extra_data = '' WHERE id = 1").rowcount
    assert changed == 1


@needs_real
@pytest.mark.parametrize(("statement", "message"), REFUSED)
def test_the_real_database_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REAL, tmp_path / "real.db")
    with closing(sqlite3.connect(tmp_path / "real.db")) as real:
        assert refusal(real, statement) == message


@needs_real
@pytest.mark.parametrize("statement", ALLOWED)
def test_the_real_database_allows_the_same(tmp_path: Path, statement: str) -> None:
    shutil.copy(REAL, tmp_path / "real.db")
    with closing(sqlite3.connect(tmp_path / "real.db")) as real:
        real.execute(statement).fetchall()


@needs_real
def test_tables_columns_and_indexes_are_the_real_ones(stock: sqlite3.Connection) -> None:
    def shape(connection: sqlite3.Connection) -> tuple[set[str], set[str]]:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
            if not name.startswith(GONE)
        ]
        columns = {f"{table}.{row[1]}" for table in tables for row in connection.execute(f"PRAGMA table_info({table})")}
        listed = connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type IN ('index', 'trigger')")
        return columns, {name for name, table in listed if not table.startswith(GONE)}

    with closing(sqlite3.connect(f"file:{REAL}?mode=ro&immutable=1", uri=True)) as real:
        real_columns, real_names = shape(real)
    columns, names = shape(stock)
    assert real_columns - columns == {"accounts.hashed_password", "accounts.salt"}
    assert real_names == names


@needs_real
def test_types_and_indexes_are_the_real_ones_but_for_dates(stock: sqlite3.Connection) -> None:
    def columns(connection: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
        listed = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0").fetchall()
        ordinary = [name for (name,) in listed if not name.startswith((*GONE, "fts4_", "locations_"))]
        described = {name: connection.execute(f'PRAGMA table_info("{name}")').fetchall() for name in ordinary}
        return {
            f"{table}.{name}": (declared.lower(), str(rest))
            for table, found in described.items()
            for _, name, declared, *rest in found
        }

    def indexes(connection: sqlite3.Connection) -> dict[str, tuple[object, ...]]:
        listed = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
        return {
            name: (
                "UNIQUE" in sql,
                *((column[2], column[3], str(column[4]).upper())
                  for column in connection.execute(f'PRAGMA index_xinfo("{name}")')),
            )
            for name, sql in listed
        }  # fmt: skip

    with closing(sqlite3.connect(f"file:{REAL}?mode=ro&immutable=1", uri=True)) as real:
        theirs, ours = columns(real), columns(stock)
        differing = {(theirs[name], ours[name]) for name in theirs.keys() & ours.keys() if theirs[name] != ours[name]}
        assert {(old[0], new[0], old[1] == new[1]) for old, new in differing} == {("datetime", "dt_integer(8)", True)}
        theirs_by_name, ours_by_name = indexes(real), indexes(stock)
        shared = theirs_by_name.keys() & ours_by_name.keys()
        assert {name: theirs_by_name[name] for name in shared} == {name: ours_by_name[name] for name in shared}


@needs_real
def test_migrations_of_1_32_8_are_among_the_447(stock: sqlite3.Connection) -> None:
    versions = "SELECT version FROM schema_migrations"
    with closing(sqlite3.connect(f"file:{REAL}?mode=ro&immutable=1", uri=True)) as real:
        known = {version for (version,) in real.execute(versions)}
    ours = [version for (version,) in stock.execute(versions)]
    assert (len(known), len(ours), len(set(ours))) == (246, 447, 447)
    assert known < set(ours)
    assert max(version for version in ours if version < "5") == "202608120900"


def test_file_header(stock: sqlite3.Connection) -> None:
    assert stock.execute("PRAGMA page_size").fetchone() == (1024,)
    assert stock.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_own_connection_writes_through_index_and_triggers(library: Path, stock: sqlite3.Connection) -> None:
    with closing(schema.connect(library)) as own:
        with schema.transaction(own):
            item = rows.add_item(own, 5, rows.ALBUM, "Ångström", 2, parent_id=1)
            rows.update(own, "metadata_items", item, {"title": "Zebra", "title_sort": "Zebra"})
        assert own.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        match = "SELECT rowid FROM fts4_metadata_titles_icu WHERE fts4_metadata_titles_icu MATCH ?"
        assert [row[0] for row in own.execute(match, ("zebra",))] == [item]
        assert own.execute(match, ("ångström",)).fetchall() == []
        assert refusal(stock, "INSERT INTO metadata_items (title) VALUES ('x')") == ICU


def test_failed_transaction_leaves_nothing(library: Path) -> None:
    with closing(schema.connect(library)) as own:
        with pytest.raises(sqlite3.OperationalError), schema.transaction(own):
            own.execute("INSERT INTO tags (tag) VALUES ('Lost')").connection.execute("SELECT 1 FROM nowhere")
        assert own.execute("SELECT count(*) FROM tags WHERE tag = 'Lost'").fetchone()[0] == 0
