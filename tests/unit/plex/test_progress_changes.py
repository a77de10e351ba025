"""Whatever happens between two samples: counting the changes gives what counting everything gives."""

from __future__ import annotations

import sqlite3
import tempfile
import typing as t
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from module_utils import progress_counts
from module_utils.progress_counts import CHANGES, EVERYTHING, Memory, Reading, read_counts
from tests.unit.plex.conftest import BLOBS, LIBRARY, Databases

MARKS = (None, "", '{"ms:musicAnalysisVersion":"1"}', "ms%3AmusicAnalysisVersion=1", "ld%3AloudnessAnalysisVersion=1")
SECTION = 5


class Server:
    """Does to a pair of databases what Plex does, with its counter of changes."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.library = sqlite3.connect(databases.directory / LIBRARY)
        self.blobs = sqlite3.connect(databases.directory / BLOBS)
        for connection in (self.library, self.blobs):
            connection.execute("PRAGMA synchronous = OFF")
        self.counter = 0
        for number in (1, 2):
            self.library.execute("INSERT INTO directories VALUES (?, ?)", (number, SECTION + number - 1))
        self.library.commit()

    def close(self) -> None:
        self.library.close()
        self.blobs.close()

    def change(self) -> int:
        self.counter += 1
        return self.counter

    def pick(self, number: int) -> int | None:
        rows = self.library.execute("SELECT id FROM metadata_items ORDER BY id").fetchall()
        return int(rows[number % len(rows)][0]) if rows else None

    def add(self, number: int, mark: int, other: bool) -> None:
        section, kind = SECTION + other, (10, 10, 10, 9, 8)[number % 5]
        key = self.library.execute(
            "INSERT INTO metadata_items (library_section_id, metadata_type, extra_data, changed_at)"
            " VALUES (?, ?, ?, ?)",
            (section, kind, MARKS[mark], self.change()),
        ).lastrowid
        media = self.library.execute("INSERT INTO media_items (library_section_id) VALUES (?)", (section,)).lastrowid
        directory = None if number % 11 == 0 else 1 + other
        self.library.execute(
            "INSERT INTO media_parts (id, media_item_id, directory_id) VALUES (?, ?, ?)", (media, media, directory)
        )
        if number % 3 == 0:
            self.vector(key or 0)

    def vector(self, key: int) -> None:
        if not self.blobs.execute("SELECT 1 FROM blobs WHERE linked_id = ?", (key,)).fetchone():
            self.blobs.execute(
                "INSERT INTO blobs (linked_type, linked_id, blob_type) VALUES ('metadata_item', ?, 7)", (key,)
            )

    def mark(self, number: int, mark: int, with_vector: bool) -> None:
        key = self.pick(number)
        if key:
            statement = "UPDATE metadata_items SET extra_data = ?, changed_at = ? WHERE id = ?"
            self.library.execute(statement, (MARKS[mark], self.change(), key))
            if with_vector:
                self.vector(key)

    def trash(self, number: int, _: int, gone: bool) -> None:
        key = self.pick(number)
        statement = "UPDATE metadata_items SET deleted_at = ?, changed_at = ? WHERE id = ?"
        self.library.execute(statement, (1_700_000_000 if gone else None, self.change(), key))
        self.library.execute(
            "UPDATE media_parts SET deleted_at = ? WHERE id % 7 = ?", (1_700_000_000 if gone else None, number % 7)
        )

    def empty_trash(self, *_: t.Any) -> None:
        self.library.execute("DELETE FROM metadata_items WHERE deleted_at IS NOT NULL")
        self.library.execute("DELETE FROM media_parts WHERE deleted_at IS NOT NULL")

    def remove_live(self, number: int, *_: t.Any) -> None:
        self.library.execute("DELETE FROM metadata_items WHERE id = ?", (self.pick(number),))

    def replace_vector(self, number: int, *_: t.Any) -> None:
        self.blobs.execute("DELETE FROM blobs WHERE linked_id = ?", (self.pick(number),))
        if number % 2:
            self.vector(self.pick(number) or 0)

    def late(self, number: int, mark: int, _: bool) -> None:
        """Another session drew its number first and commits only now."""
        self.library.execute(
            "UPDATE metadata_items SET extra_data = ?, changed_at = ? WHERE id = ?",
            (MARKS[mark], max(self.counter - number % 5, 1), self.pick(number)),
        )

    def bulk(self, _: int, mark: int, __: bool) -> None:
        self.library.execute(
            "UPDATE metadata_items SET extra_data = ?, changed_at = ? WHERE id % 2 = 0", (MARKS[mark], self.change())
        )

    def rolled_back(self, number: int, mark: int, other: bool) -> None:
        self.library.commit()
        self.add(number, mark, other)
        self.trash(number, mark, True)
        self.library.rollback()

    def vacuum(self, *_: t.Any) -> None:
        self.library.commit()
        self.library.execute("VACUUM")


ACTIONS = (
    "add",
    "mark",
    "trash",
    "empty_trash",
    "remove_live",
    "replace_vector",
    "late",
    "bulk",
    "rolled_back",
    "vacuum",
)
STEP = st.tuples(
    st.sampled_from((*ACTIONS, "add", "add", "mark", "mark")), st.integers(0, 40), st.integers(0, 4), st.booleans()
)


def both(databases: Databases, memory: Memory, now: float = 0) -> tuple[Reading, Reading]:
    directory = str(databases.directory)
    return read_counts(directory, SECTION, memory=memory, now=now), read_counts(directory, SECTION)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(STEP, min_size=1, max_size=6), max_size=8))
def test_changes_give_what_everything_gives(samples: list[list[tuple[str, int, int, bool]]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        databases = Databases(Path(place))
        memory = Memory(Path(place) / "counted", "process 1")
        with closing(Server(databases)) as server:
            for steps in samples:
                for action, *arguments in steps:
                    getattr(server, action)(*arguments)
                server.library.commit()
                server.blobs.commit()
                changes, everything = both(databases, memory)
                assert changes.counts == everything.counts


@pytest.fixture
def server(databases: Databases) -> t.Iterator[Server]:
    with closing(Server(databases)) as server:
        for number in range(1, 31):
            server.add(number, number % 5, number % 4 == 0)
        server.library.commit()
        server.blobs.commit()
        yield server


@pytest.fixture
def memory(server: Server, databases: Databases) -> Memory:
    memory = Memory(databases.directory / "counted", "process 1")
    assert [both(databases, memory)[0].counted for _ in range(2)] == [EVERYTHING, CHANGES]
    return memory


def restored(server: Server, memory: Memory) -> Memory:
    server.library.execute("DELETE FROM metadata_items WHERE id > 20")
    return memory


def torn(_: Server, memory: Memory) -> Memory:
    memory.path.write_bytes(memory.path.read_bytes()[:-1] + b"?")
    return memory


def short(_: Server, memory: Memory) -> Memory:
    memory.path.write_bytes(memory.path.read_bytes()[:60])
    return memory


def restarted(_: Server, memory: Memory) -> Memory:
    return Memory(memory.path, "process 2")


def replaced(server: Server, memory: Memory) -> Memory:
    path = server.databases.directory / BLOBS
    content = path.read_bytes()
    path.rename(path.with_suffix(".old"))
    path.write_bytes(content)
    return memory


def removed(server: Server, memory: Memory) -> Memory:
    server.library.execute("DELETE FROM metadata_items WHERE id = 7")
    return memory


@pytest.mark.parametrize("event", [restored, torn, short, restarted, replaced, removed])
def test_what_cannot_be_built_upon_is_counted_anew(
    event: t.Callable[[Server, Memory], Memory], databases: Databases, server: Server, memory: Memory
) -> None:
    other = event(server, memory)
    server.library.commit()
    changes, everything = both(databases, other)
    assert (changes.counted, changes.counts) == (EVERYTHING, everything.counts)


def test_a_change_that_drew_its_number_early_and_commits_late_is_seen(
    databases: Databases, server: Server, memory: Memory
) -> None:
    before, _ = both(databases, memory)
    unmarked = (
        "SELECT max(id) FROM metadata_items WHERE metadata_type = 10 AND library_section_id = 5 AND extra_data = ''"
    )
    (key,) = server.library.execute(unmarked).fetchone()
    server.library.execute(
        "UPDATE metadata_items SET extra_data = ?, changed_at = ? WHERE id = ?", (MARKS[2], server.counter - 3, key)
    )
    server.library.commit()
    changes, everything = both(databases, memory)
    assert (changes.counted, changes.counts) == (CHANGES, everything.counts)
    assert before.counts is not None
    assert changes.counts is not None
    assert changes.counts.analysed == before.counts.analysed + 1


def test_everything_is_counted_again_after_a_while(databases: Databases, memory: Memory) -> None:
    def counted(now: float) -> str:
        return both(databases, memory, now)[0].counted

    after = progress_counts.RECOUNT_AFTER
    assert [counted(after - 1), counted(after), counted(after + 1)] == [CHANGES, EVERYTHING, CHANGES]
    assert counted(0) == EVERYTHING  # the clock was set back


def test_vectors_that_come_back_are_counted_again(databases: Databases, server: Server, memory: Memory) -> None:
    path = databases.directory / BLOBS
    server.blobs.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = path.rename(path.with_suffix(".aside"))
    gone, _ = both(databases, memory)
    assert gone.counts is not None
    assert gone.counts.vectors is None
    aside.rename(path)
    changes, everything = both(databases, memory)
    assert changes.counts == everything.counts


def test_a_reading_writes_nothing_into_the_databases_and_ends(
    databases: Databases, server: Server, memory: Memory
) -> None:
    before = (databases.directory / LIBRARY).read_bytes()
    both(databases, memory)
    assert (databases.directory / LIBRARY).read_bytes() == before
    # Were a reading still open, the log could not be emptied.
    server.mark(3, 2, False)
    server.library.commit()
    assert server.library.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
