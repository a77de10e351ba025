# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The deletion breaker: has a library lost so much since a census that the run must stop before the trash is emptied?

Private to this collection. read() asks the library, judge() is pure. Rows are followed by their id, so that what a scan
adds cannot hide what it loses.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .census import Census
from .census_comparison import passes_limit
from .plex_db import PARENTS_AND_EXTRAS

_ROWS = """
SELECT library_section_id, metadata_type, count(*) FILTER (WHERE deleted_at IS NULL), count(*)
FROM metadata_items WHERE id <= ? GROUP BY 1, 2
"""
_FILES_DELETED = """
SELECT media_items.library_section_id, count(*)
FROM media_parts JOIN media_items ON media_items.id = media_parts.media_item_id
WHERE media_parts.deleted_at > 0 GROUP BY 1
"""
# Newest first: what was deleted before the census comes last.
_TITLES = """
SELECT CAST(title AS BLOB), (
  SELECT CAST(file AS BLOB) FROM media_items JOIN media_parts ON media_parts.media_item_id = media_items.id
  WHERE metadata_item_id = metadata_items.id LIMIT 1)
FROM metadata_items WHERE deleted_at > 0 AND +library_section_id = ? AND +id <= ?
ORDER BY deleted_at DESC, id LIMIT ?
"""


@dataclass(frozen=True)
class Known:
    """What became of the rows a census knew, by section and type: live, and live or soft-deleted."""

    live: dict[tuple[int, str], int]
    there: dict[tuple[int, str], int]
    files_deleted: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Loss:
    """What one section lost since the census. Albums, artists and other parents do not count: scans regroup them."""

    id: int
    name: str
    total: int
    """Live items at the census."""
    lost: int
    """Items that are live no more, in either of the next two ways."""
    soft_deleted: int
    """Still there, with a red trash can: a file that comes back brings them back."""
    removed: int
    files_soft_deleted: int
    by_type: dict[str, int]
    passes: bool
    titles: list[str] = field(default_factory=list)

    def sentence(self, at_least: int, percent: float) -> str:
        """Say what was lost and what would have been allowed."""
        allowed = max(at_least, int(self.total * percent / 100))
        return (
            f"{self.name} lost {self.lost} of {self.total} items ({self.soft_deleted} soft-deleted, {self.removed}"
            f" removed) and {self.files_soft_deleted} files are newly soft-deleted, where {allowed} are allowed"
            + (f": {', '.join(self.titles)}" if self.titles else "")
        )


def read(connection: sqlite3.Connection, before: Census) -> Known:
    """Count what is left of the rows that the census knew."""
    live, there = {}, {}
    # A census from before it kept the highest id knew all rows there are.
    for section, kind, alive, rows in connection.execute(_ROWS, (before.get("highest_id", 1 << 62),)):
        live[section, str(kind)], there[section, str(kind)] = alive, rows
    return Known(live, there, dict(connection.execute(_FILES_DELETED).fetchall()))


def titles(connection: sqlite3.Connection, section: int, before: Census, limit: int) -> list[str]:
    """Name some soft-deleted items with their files, the newest first."""
    rows = connection.execute(_TITLES, (section, before.get("highest_id", 1 << 62), limit))
    return [
        f"{(title or b'?').decode(errors='replace')} ({file.decode(errors='replace') if file else 'no file'})"
        for title, file in rows
    ]


def judge(before: Census, known: Known, at_least: int = 20, percent: float = 1.0) -> list[Loss]:
    """Say for each section of the census what it lost, and whether that is too much."""
    return [_judge(section, known, at_least, percent) for section in before["sections"]]


def _judge(section: Mapping[str, Any], known: Known, at_least: int, percent: float) -> Loss:
    parents = {str(kind) for kind in PARENTS_AND_EXTRAS}
    kinds = [kind for kind in {*section["items"], *section["deleted"]} if kind not in parents]
    lost, removed = {}, 0
    for kind in kinds:
        live, deleted = section["items"].get(kind, 0), section["deleted"].get(kind, 0)
        lost[kind] = max(0, live - known.live.get((section["id"], kind), 0))
        # What was in the trash already may be removed: nothing live is lost by it.
        gone = live + deleted - known.there.get((section["id"], kind), 0)
        removed += min(lost[kind], max(0, gone - deleted))
    total, files = sum(section["items"].get(kind, 0) for kind in kinds), section.get("parts", 0)
    files_deleted = max(0, known.files_deleted.get(section["id"], 0) - section.get("parts_deleted", 0))
    items = sum(lost.values())
    return Loss(
        id=section["id"],
        name=section["name"],
        total=total,
        lost=items,
        soft_deleted=items - removed,
        removed=removed,
        files_soft_deleted=files_deleted,
        by_type={kind: count for kind, count in sorted(lost.items()) if count},
        passes=passes_limit(items, total, at_least, percent) or passes_limit(files_deleted, files, at_least, percent),
    )
