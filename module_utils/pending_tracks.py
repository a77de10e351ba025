# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tracks of a section have no Sonic analysis, by their path, and why as far as it can be told.

Read-only, after the waiting is over: what the server left is looked at, not waited for.
"""

from __future__ import annotations

import os
import stat
import typing as t
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from .plex_db import ANALYSED, BLOBS, LIBRARY, TRACK, VECTOR_BLOB, reading

GONE = "the file is not there"
UNREADABLE = "the file cannot be read"
EMPTY = "the file is empty"
BROKEN = "Plex finds no audio in it"
SHORT = "it is too short"
NO_VECTOR = "it is marked, but its vector is missing"
UNKNOWN = "the server passed it over, although it can be read"

# The server says nowhere how short is too short; a track that cannot fill one window of an analysis is named so.
SHORT_SECONDS = 5
SHOWN = 20
# Uid and gid of the server in its container, and of everything in the mount.
PLEX_USER = 1000

# A track may have several files; one is enough to find it.
_TRACKS = """
SELECT metadata_items.id, metadata_items.title, MIN(media_parts.file), MAX(media_items.duration),
       COALESCE(metadata_items.extra_data, '') LIKE :analysed
FROM metadata_items
LEFT JOIN media_items ON media_items.metadata_item_id = metadata_items.id AND media_items.deleted_at IS NULL
LEFT JOIN media_parts ON media_parts.media_item_id = media_items.id AND media_parts.deleted_at IS NULL
WHERE metadata_items.library_section_id = :section AND metadata_items.metadata_type = :track
      AND metadata_items.deleted_at IS NULL
GROUP BY metadata_items.id ORDER BY 3, 1
"""
_VECTORS = "SELECT linked_id FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = :vector"


@dataclass(frozen=True)
class PendingTrack:
    """One track without analysis: its row, its path as the server knows it, and why."""

    key: int
    title: str
    path: str
    reason: str


def pending_tracks(directory: str, section: int, roots: t.Mapping[str, str]) -> list[PendingTrack]:
    """The tracks of a section that lack one of the two witnesses.

    roots maps directories of the container to directories of this machine, so that files can be looked at.
    Raises PlexDatabaseError when a database cannot be read.
    """
    with reading(Path(directory) / BLOBS) as blobs:
        vectors = {row[0] for row in blobs.execute(_VECTORS, {"vector": VECTOR_BLOB})}
    with reading(Path(directory) / LIBRARY) as library:
        bound = {"section": section, "track": TRACK, "analysed": ANALYSED}
        rows = library.execute(_TRACKS, bound).fetchall()
    return [
        PendingTrack(key, str(title), str(path or ""), _reason(path, milliseconds, bool(marked), roots))
        for key, title, path, milliseconds, marked in rows
        if not marked or key not in vectors
    ]


def _reason(path: str | None, milliseconds: int | None, marked: bool, roots: t.Mapping[str, str]) -> str:
    if marked:
        return NO_VECTOR
    seen = _look(Path(local_path(path, roots))) if path else GONE
    if seen:
        return seen
    if not milliseconds:
        return BROKEN
    return SHORT if milliseconds < SHORT_SECONDS * 1000 else UNKNOWN


def local_path(path: str, roots: t.Mapping[str, str]) -> str:
    """A path of the container as this machine has it; the longest matching root wins."""
    for inside in sorted(roots, key=len, reverse=True):
        if path == inside or path.startswith(inside.rstrip("/") + "/"):
            return roots[inside].rstrip("/") + path[len(inside.rstrip("/")) :]
    return path


def _look(path: Path) -> str:
    """What is wrong with a file as far as its first byte tells, "" when nothing is."""
    try:
        with path.open("rb") as stream:
            if not _plex_may_read(os.fstat(stream.fileno())):
                return UNREADABLE
            return "" if stream.read(1) else EMPTY
    except FileNotFoundError:
        return GONE
    except OSError:
        return UNREADABLE


def _plex_may_read(status: os.stat_result) -> bool:
    """Whether the mode lets the server read it: who asks here is root, whom no mode stops."""
    if status.st_uid == PLEX_USER:
        return bool(status.st_mode & stat.S_IRUSR)
    return bool(status.st_mode & (stat.S_IRGRP if status.st_gid == PLEX_USER else stat.S_IROTH))


def sentences(tracks: t.Sequence[PendingTrack]) -> list[str]:
    """For people: how many and why, then the first of them by path."""
    if not tracks:
        return ["Every track is analysed."]
    reasons = Counter(track.reason for track in tracks)
    head = f"{len(tracks):,} tracks have no analysis: " + "; ".join(
        f"{number:,} because {reason}" for reason, number in reasons.most_common()
    )
    shown = [f"{_printable(track.path or track.title)}: {track.reason}" for track in tracks[:SHOWN]]
    rest = [f"and {len(tracks) - SHOWN:,} more"] if len(tracks) > SHOWN else []
    return [head, *shown, *rest]


def _printable(path: str) -> str:
    """A path whose bytes are no UTF-8, as people can see it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_rows(tracks: t.Iterable[PendingTrack]) -> list[dict[str, t.Any]]:
    """The tracks as they are written into a file."""
    return [asdict(track) for track in tracks]
