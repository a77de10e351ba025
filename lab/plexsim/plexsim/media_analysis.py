"""Media analysis: look into the files of a section that were not looked into, and write their streams."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from . import facts, rows
from .schema import next_change, transaction

_PENDING = """
SELECT media_items.id AS media_id, media_parts.id AS part_id, media_parts.file, media_items.metadata_item_id
FROM media_items JOIN media_parts ON media_parts.media_item_id = media_items.id AND media_parts.deleted_at IS NULL
WHERE media_items.library_section_id = ? AND media_items.deleted_at IS NULL
  AND coalesce(media_items.media_analysis_version, 0) < 1
ORDER BY media_items.id
"""


def analyse(
    library: sqlite3.Connection,
    section_id: int,
    now: int,
    report: Callable[[int, str], None] = lambda _percent, _file: None,
) -> int:
    """Look into each file once; one that cannot be read stays as it is. Give how many could be."""
    done = 0
    pending = library.execute(_PENDING, (section_id,)).fetchall()
    for position, row in enumerate(pending):
        report(100 * position // len(pending), row["file"])
        found = facts.read(Path(row["file"]))
        if not found.analysed:
            continue
        with transaction(library):
            rows.update(
                library,
                "media_items",
                row["media_id"],
                rows.media_values(found, Path(row["file"]).stat().st_size) | {"updated_at": now},
            )
            rows.update(library, "media_parts", row["part_id"], {"duration": found.duration})
            library.execute("DELETE FROM media_streams WHERE media_part_id = ?", (row["part_id"],))
            rows.add_streams(library, row["media_id"], row["part_id"], found, now)
            rows.update(library, "metadata_items", row["metadata_item_id"], {"changed_at": next_change(library)})
        done += 1
    return done
