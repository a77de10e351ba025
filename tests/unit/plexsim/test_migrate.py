from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import migrate, schema


@pytest.fixture
def library(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Path:
    fresh_library(tmp_path)
    return tmp_path / schema.LIBRARY


def execute(path: Path, *statements: str) -> None:
    with closing(schema.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_own_database_is_served_as_it_is(library: Path) -> None:
    migrate.check(library)
    assert migrate.pending(library) == []


def test_older_database_is_brought_forward(library: Path) -> None:
    execute(
        library,
        "ALTER TABLE metadata_items DROP COLUMN slug",
        "DROP TABLE custom_channels",
        "DELETE FROM schema_migrations WHERE version = '202510021115'",
    )
    assert migrate.pending(library) == ["202510021115"]
    migrate.run(library)
    migrate.check(library)
    assert migrate.pending(library) == []
    execute(library, "SELECT slug FROM metadata_items", "SELECT name FROM custom_channels")


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
