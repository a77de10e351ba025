"""What the stand-in does with the database it finds."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from lab.plexsim.plexsim import migrate, rows, schema, server
from lab.plexsim.plexsim.settings import Settings

REAL = Path(__file__).parents[4] / "shared" / "data" / "plex-1.32.8" / schema.LIBRARY
needs_real = pytest.mark.skipif(not REAL.exists(), reason=f"the real 1.32.8 database is not at {REAL}")
OLD_FORM = "ma%3Acontainer=flac&pv%3Aname=100%25%20Rain%2E"
OLD_TIME = "2023-05-11 20:36:40"
TABLES = ("media_items", "media_parts", "media_streams", "metadata_items", "tags")
DATED = ("library_sections", "section_locations", "directories", "tags", "taggings", "blobs", "devices")


@pytest.fixture
def library(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Path:
    fresh_library(tmp_path)
    return tmp_path / schema.LIBRARY


@pytest.fixture(autouse=True)
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The old dates are local times: a zone where that can be seen."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(REAL, tmp_path / schema.LIBRARY))


def execute(path: Path, *statements: str) -> None:
    with closing(schema.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def shape(path: Path) -> dict[str, set[str]]:
    """Names of tables and indexes; texts of triggers; columns with their types."""
    with closing(sqlite3.connect(path)) as connection:
        listed = connection.execute(
            "SELECT type, name, sql FROM sqlite_master"
            " WHERE rootpage > 0 AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'spellfix%' OR type = 'trigger'"
        ).fetchall()
        found = {kind: {name for other, name, _ in listed if other == kind} for kind in ("table", "index")}
        found["trigger"] = {re.sub(r"[\s\"]+", " ", sql) for kind, _, sql in listed if kind == "trigger"}
        found["column"] = {
            f"{table}.{column[1]} {column[2].lower()}"
            for table in found["table"]
            if not table.startswith(("fts4_", "locations"))
            for column in connection.execute(f"PRAGMA table_info({table})")
        }
    return found


def make_old(path: Path) -> None:
    """Turn the newest generation into what one before 1.40 looked like, as far as it matters here."""
    with closing(schema.connect(path)) as connection, schema.transaction(connection):
        rows.add_section(connection, name="Music", section_type=8, locations=["/m"], now=1, section_id=5)
        rows.insert(connection, "media_parts", {"file": "/m/a.flac", "extra_data": OLD_FORM})
        rows.insert(connection, "media_parts", {"file": "/m/b.flac", "extra_data": ""})
        rows.insert(connection, "media_parts", {"file": "/m/c.flac", "extra_data": None})
        connection.execute("UPDATE library_sections SET created_at = ?", (OLD_TIME,))
        connection.execute("ALTER TABLE metadata_items DROP COLUMN slug")
        connection.execute("ALTER TABLE accounts ADD COLUMN salt varchar(255)")
        connection.execute("CREATE TABLE synced_metadata_items (id integer)")
        connection.execute("DROP TABLE custom_channels")
        connection.execute("DELETE FROM schema_migrations WHERE version > '202309' AND version < '5'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'dt_integer(8)', 'datetime')"
            " WHERE type = 'table' AND name = 'library_sections'"
        )
    execute(path, "PRAGMA writable_schema = RESET")


def test_own_database_is_served_as_it_is(library: Path) -> None:
    migrate.check(library)
    assert migrate.pending(library) == []
    assert migrate.settle_search(library) == []


def test_older_database_is_brought_forward(library: Path, tmp_path: Path) -> None:
    make_old(library)
    assert migrate.pending(library)[0] == "202309200901"
    migrate.run(library)
    migrate.check(library)
    assert migrate.pending(library) == []
    schema.create(tmp_path / "model.db")
    assert shape(library) == shape(tmp_path / "model.db")
    local = int(datetime.fromisoformat(OLD_TIME).timestamp())
    assert query(library, "SELECT created_at FROM library_sections") == [(local,)]
    found = [row[0] for row in query(library, "SELECT extra_data FROM media_parts ORDER BY id")]
    assert json.loads(str(found[0])) == {"ma:container": "flac", "pv:name": "100% Rain.", "url": OLD_FORM}
    assert found[1:] == ["", None]


def test_a_row_of_the_old_form_in_a_new_database_stays(library: Path) -> None:
    execute(
        library,
        f"INSERT INTO media_parts (file, extra_data) VALUES ('/m/a.flac', '{OLD_FORM}')",
        "DELETE FROM schema_migrations WHERE version = '202510021115'",
    )
    migrate.run(library)
    assert query(library, "SELECT extra_data FROM media_parts") == [(OLD_FORM,)]


def test_a_migration_that_fails_changes_nothing(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(library)
    before = shape(library)

    def fail(_text: str) -> str:
        raise ValueError("not today")

    monkeypatch.setattr(migrate, "_as_json", fail)
    with pytest.raises(sqlite3.OperationalError):
        migrate.run(library)
    assert shape(library) == before
    assert migrate.pending(library)[0] == "202309200901"


@needs_real
def test_a_real_database_of_1_32_is_brought_forward(real: Path, tmp_path: Path) -> None:
    counts = {table: query(real, f"SELECT count(*) FROM {table}") for table in (*TABLES, *DATED)}
    forms = {
        table: {key: text for key, text in query(real, f"SELECT id, extra_data FROM {table}")}  # noqa: C416  typed so
        for table in TABLES
    }
    migrate.check(real)
    migrate.run(real)
    assert migrate.settle_search(real) == []
    migrate.check(real)
    assert migrate.pending(real) == []
    schema.create(tmp_path / "model.db")
    assert shape(real) == shape(tmp_path / "model.db")
    assert {table: query(real, f"SELECT count(*) FROM {table}") for table in counts} == counts
    for table in DATED:
        texts = f"SELECT count(*) FROM {table} WHERE typeof(created_at) NOT IN ('integer', 'null')"
        assert query(real, texts) == [(0,)], table
    for table, old in forms.items():
        for key, text in query(real, f"SELECT id, extra_data FROM {table}"):
            assert (json.loads(str(text))["url"] if text else text) == old[key], (table, key)
    with closing(schema.connect(real)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for table in ("fts4_metadata_titles_icu", "fts4_tag_titles_icu"):
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")


@needs_real
def test_search_with_foreign_terms_is_filled_anew(real: Path) -> None:
    """The real terms are ICU's, which a connection of this test does not speak."""
    assert migrate.settle_search(real) == ["fts4_metadata_titles_icu", "fts4_tag_titles_icu"]
    assert migrate.settle_search(real) == []


def test_newer_database_is_refused(library: Path) -> None:
    execute(library, "INSERT INTO schema_migrations (version) VALUES ('202912312359')")
    with pytest.raises(migrate.UnusableError, match="202912312359"):
        migrate.check(library)


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "no database"])
def test_damaged_file_is_refused(library: Path, damage: str) -> None:
    content = library.read_bytes()
    library.write_bytes(
        {
            "truncated": content[: len(content) // 3],
            "overwritten": content[:2048] + b"\x55" * (len(content) - 2048),
            "no database": b"not a database at all" * 100,
        }[damage]
    )
    with pytest.raises(migrate.UnusableError, match=r"malformed|not a database"):
        migrate.check(library)


def test_a_larger_database_migrates_longer(tmp_path: Path) -> None:
    settings = Settings(tmp_path, migration_seconds=1, migration_seconds_per_gigabyte=20)
    assert [server.migration_seconds(settings, size << 30) for size in (0, 1, 15)] == [1, 21, 301]
