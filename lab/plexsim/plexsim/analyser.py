"""Sonic analysis: read every byte of a track, write fifty numbers and the marker that says so."""

from __future__ import annotations

import gzip
import json
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import extra_data, rows, section_preferences
from .schema import next_change, transaction

MARKER = "ms:musicAnalysisVersion"
VECTOR_BLOB = 7
DIMENSIONS = 50
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Pending:
    """A live track without the marker."""

    item_id: int
    title: str
    file: str


def _willing_sections(connection: sqlite3.Connection) -> list[int]:
    """List the music sections whose own setting does not switch the analysis off."""
    found = connection.execute(
        "SELECT id, user_fields FROM library_sections WHERE section_type = ?", (rows.MUSIC_SECTION,)
    )
    return [row["id"] for row in found if section_preferences.wants_music_analysis(row["user_fields"])]


def pending(connection: sqlite3.Connection) -> list[Pending]:
    """List the backlog of all music sections: live tracks that carry the marker in neither encoding."""
    found = connection.execute(
        "SELECT i.id, i.title, min(p.file) AS file FROM metadata_items i"
        " JOIN media_items m ON m.metadata_item_id = i.id AND m.deleted_at IS NULL"
        " JOIN media_parts p ON p.media_item_id = m.id AND p.deleted_at IS NULL"
        " WHERE i.library_section_id IN (SELECT value FROM json_each(?))"
        " AND i.metadata_type = ? AND i.deleted_at IS NULL"
        " AND coalesce(i.extra_data, '') NOT LIKE '%musicAnalysisVersion%' GROUP BY i.id ORDER BY i.id",
        (json.dumps(_willing_sections(connection)), rows.TRACK),
    )
    return [Pending(row["id"], row["title"], row["file"]) for row in found]


def chunks(path: Path) -> Iterator[bytes]:
    """Read a file from the first byte to the last."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def vector(data: Iterator[bytes]) -> list[float]:
    """Compute fifty numbers that depend on every byte: the mean of each fiftieth byte class, 0 to 1."""
    sums = [0] * DIMENSIONS
    counts = [0] * DIMENSIONS
    offset = 0
    for chunk in data:
        for dimension in range(DIMENSIONS):
            part = chunk[(dimension - offset) % DIMENSIONS :: DIMENSIONS]
            sums[dimension] += sum(part)
            counts[dimension] += len(part)
        offset += len(chunk)
    return [round(total / count / 255, 6) if count else 0.0 for total, count in zip(sums, counts, strict=True)]


def encode(numbers: list[float]) -> bytes:
    """Write a vector as it is kept: gzip of comma separated ASCII."""
    return gzip.compress(",".join(f"{number:.6f}" for number in numbers).encode(), mtime=0)


def store(library: sqlite3.Connection, blobs: sqlite3.Connection, item_id: int, numbers: list[float], now: int) -> None:
    """Write both witnesses: the vector first, so that a marker never stands without one."""
    with transaction(blobs):
        blobs.execute(
            "INSERT OR REPLACE INTO blobs (blob, linked_type, linked_id, linked_guid, created_at, blob_type)"
            " VALUES (?, 'metadata_item', ?, NULL, ?, ?)",
            (encode(numbers), item_id, now, VECTOR_BLOB),
        )
    with transaction(library):
        (text,) = library.execute("SELECT extra_data FROM metadata_items WHERE id = ?", (item_id,)).fetchone()
        rows.update(
            library,
            "metadata_items",
            item_id,
            {
                "extra_data": extra_data.to_json(extra_data.decode(text) | {MARKER: "1"}),
                "updated_at": now,
                "changed_at": next_change(library),
            },
        )


@dataclass(frozen=True)
class Analysis:
    """One pass over the backlog."""

    library: sqlite3.Connection
    blobs: sqlite3.Connection
    clock: Callable[[], int]
    pace: Callable[[], None] = lambda: None  # called after each track
    report: Callable[[int, str], None] = lambda _percent, _title: None
    log: Callable[[str], None] = lambda _line: None
    chroot: str = ""

    def run(self, backlog: list[Pending]) -> int:
        """Analyse a backlog track by track; an unreadable one is left for the next pass. Return the count."""
        done = 0
        for position, track in enumerate(backlog):
            self.report(100 * position // len(backlog), track.title)
            try:
                numbers = vector(chunks(Path(self.chroot + track.file)))
            except OSError as error:
                self.log(f"Unable to analyze '{track.file}': {error.strerror}")
                self.pace()
                continue
            store(self.library, self.blobs, track.item_id, numbers, self.clock())
            done += 1
            self.pace()
        return done
