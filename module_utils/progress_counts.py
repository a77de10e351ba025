# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far one section is, counted in the databases while the server works.

Read-only, with a busy timeout. A database that is locked or unreadable is a state of the reading, not a zero.
"""

from __future__ import annotations

import sqlite3
import typing as t
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"

OK = "ok"
LOCKED = "locked"
MISSING = "missing"
UNREADABLE = "unreadable"

TRACK = 10
VECTOR = 7

# The marker has two spellings (JSON `ms:…`, percent-encoded `ms%3A…`); this part is common to both.
_ITEMS = """
SELECT COUNT(*) FILTER (WHERE deleted_at IS NULL),
       COUNT(*) FILTER (WHERE deleted_at IS NOT NULL),
       COUNT(*) FILTER (WHERE deleted_at IS NULL AND metadata_type = :track),
       COUNT(*) FILTER (WHERE deleted_at IS NULL AND metadata_type = :track
                              AND extra_data LIKE '%musicAnalysisVersion%'),
       COALESCE(MAX(changed_at), 0)
FROM metadata_items WHERE library_section_id = :section
"""
_PARTS = """
SELECT COUNT(*) FILTER (WHERE media_parts.deleted_at IS NULL),
       COUNT(*) FILTER (WHERE media_parts.deleted_at IS NOT NULL)
FROM media_items JOIN media_parts ON media_parts.media_item_id = media_items.id
WHERE media_items.library_section_id = :section
"""
_TRACKS = """
SELECT id FROM metadata_items
WHERE library_section_id = :section AND metadata_type = :track AND deleted_at IS NULL
"""
_VECTORS = "SELECT linked_id FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = :vector"


@dataclass(frozen=True)
class Counts:
    """Live and soft-deleted rows of one section. `vectors` is None when the second database is unreadable."""

    items: int
    items_deleted: int
    parts: int
    parts_deleted: int
    tracks: int
    analysed: int
    vectors: int | None
    changed_at: int

    def as_dict(self) -> dict[str, int | None]:
        """The counts as they stand in a sample."""
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """`state` is ok, locked, missing or unreadable; `counts` exists only when it is ok."""

    state: str
    counts: Counts | None = None
    detail: str = ""


def read_counts(directory: str, section: int, busy_seconds: float = 5) -> Reading:
    """Count one section. Vectors count only for its own live tracks, so other sections cannot mix in."""
    bound: dict[str, t.Any] = {"section": section, "track": TRACK, "vector": VECTOR}
    try:
        with closing(_open(Path(directory) / LIBRARY, busy_seconds)) as library:
            items, deleted, tracks, analysed, changed = library.execute(_ITEMS, bound).fetchone()
            parts, parts_deleted = library.execute(_PARTS, bound).fetchone()
            live = {row[0] for row in library.execute(_TRACKS, bound)} if tracks else set()
    except (sqlite3.Error, OSError) as error:
        return Reading(state_of(error), detail=str(error))
    vectors, detail = _vectors(directory, live, bound, busy_seconds)
    counts = Counts(items, deleted, parts, parts_deleted, tracks, analysed, vectors, changed)
    return Reading(OK, counts, detail)


def readable(directory: str, busy_seconds: float = 2) -> Reading:
    """Whether the library database answers at all."""
    try:
        with closing(_open(Path(directory) / LIBRARY, busy_seconds)) as library:
            library.execute("SELECT COUNT(*) FROM library_sections").fetchone()
    except (sqlite3.Error, OSError) as error:
        return Reading(state_of(error), detail=str(error))
    return Reading(OK)


def state_of(error: Exception) -> str:
    """The word for what went wrong."""
    text = str(error).lower()
    if isinstance(error, FileNotFoundError):
        return MISSING
    return LOCKED if "locked" in text or "busy" in text else UNREADABLE


def _vectors(
    directory: str, live: set[int], bound: dict[str, t.Any], busy_seconds: float
) -> tuple[int | None, str]:
    try:
        with closing(_open(Path(directory) / BLOBS, busy_seconds)) as blobs:
            return sum(row[0] in live for row in blobs.execute(_VECTORS, bound)), ""
    except (sqlite3.Error, OSError) as error:
        return None, f"vectors: {error}"


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=busy_seconds)
