# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Count one section of a library: everything, or what changed since the last time.

Private to this collection. The caller holds a read transaction on both databases. Cost of the second way follows the
number of changed and of soft-deleted rows; besides them it counts the leaves of one index per table, which finds
rows that were removed without a trace (4 ms for half a million).
"""

from __future__ import annotations

import json
import sqlite3
import typing as t

from . import progress_queries as queries
from .progress_state import IdSet, State, Table, id_set

ALBUM, TRACK = 9, 10
# The marks have two spellings (JSON `ms:…`, percent-encoded `ms%3A…`); these parts are common to both.
MARKS = {"analysed": (TRACK, "musicAnalysisVersion"), "loudness": (ALBUM, "loudnessAnalysisVersion")}
# Read mapped into memory none of a hundred thousand pages costs a call; this much at a time counts as our memory.
MAPPED = 96 << 20
# Plex draws the number of a change before it commits the change: one that is late is looked for this far back.
LATE = 1000


Bound = dict[str, t.Any]


class StaleError(Exception):
    """The last count is no ground to stand on; the message says why."""


def _table(connection: sqlite3.Connection, name: str) -> Table:
    return Table(*connection.execute(queries.TABLE.format(name)).fetchone())


def _high_water(library: sqlite3.Connection) -> int:
    return int(library.execute("SELECT ifnull(max(changed_at), 0) FROM metadata_items").fetchone()[0])


def _section_high_water(library: sqlite3.Connection, section: int) -> int:
    # From the top of the index down to the first row of the section.
    query = "SELECT changed_at FROM metadata_items WHERE +library_section_id = ? ORDER BY changed_at DESC LIMIT 1"
    row = library.execute(query, (section,)).fetchone()
    return int(row[0] or 0) if row else 0


def _parts(library: sqlite3.Connection, section: int, total: int) -> int:
    bound = {"section": section}
    # A library of one section has nothing else; beyond a sixteenth the other ways are cheaper.
    if library.execute(queries.OTHER_MEDIA, bound).fetchone()[0] <= total // 16:
        return total - int(library.execute(queries.PARTS_OF_OTHERS, bound).fetchone()[0])
    by_section = dict(library.execute(queries.PARTS_BY_DIRECTORY).fetchall())
    if sum(by_section.values()) == total:
        return int(by_section.get(section, 0))
    return int(library.execute(queries.PARTS, bound).fetchone()[0])


def _live_tracks(library: sqlite3.Connection, section: int, keys: t.Iterable[int]) -> set[int]:
    bound = {"ids": json.dumps(list(keys)), "section": section}
    return {key for (key,) in library.execute(queries.LIVE_TRACKS, bound)}


def _count_vectors(
    library: sqlite3.Connection, blobs: sqlite3.Connection, state: State, listed: str | None = None
) -> None:
    """Find all live tracks of the section that have a vector. listed: how SQLite lists what carries the mark."""
    _map(blobs)
    state.blobs = _table(blobs, "blobs")
    (text,) = blobs.execute(queries.VECTORS).fetchone()
    # Where each of them has its vector, the same list need not be read twice.
    held = state.analysed if text and text == listed else id_set(text)
    # What carries the mark is known to be a live track; only the others have to be looked up.
    state.vectors = held & state.analysed
    for key in _live_tracks(library, state.section, held - state.analysed):
        state.vectors.put(key, True)


def _map(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute(f"PRAGMA mmap_size = {1 << 40}")


def _all_items(library: sqlite3.Connection, state: State) -> str:
    """Count the items and find those that carry a mark; how SQLite lists the analysed ones."""
    pages, page_size = (library.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "page_size"))
    step = state.metadata.top // (pages * page_size // MAPPED + 1) + 1
    bound: Bound = {"section": state.section} | {name: mark for name, (_, mark) in MARKS.items()}
    marked: dict[str, list[str]] = {name: [] for name in MARKS}
    rows = {"section": state.section, "rows": state.metadata.rows}
    state.items, state.tracks = library.execute(queries.ITEMS, rows).fetchone()
    for first in range(0, state.metadata.top + 1, step):
        _map(library)
        ids = library.execute(queries.MARKED, bound | {"first": first, "beyond": first + step}).fetchone()
        for name, found in zip(MARKS, ids, strict=True):
            marked[name] += [found] if found else []
    lists = {name: ",".join(texts) for name, texts in marked.items()}
    for name, text in lists.items():
        setattr(state, name, id_set(text))
    return lists["analysed"]


def count_all(library: sqlite3.Connection, blobs: sqlite3.Connection | None, section: int) -> State:
    """Count everything; without the second database everything but the vectors."""
    _map(library)
    state = State(section=section, changed_at=_high_water(library))
    state.section_changed_at = _section_high_water(library, section)
    state.metadata, state.media_parts = _table(library, "metadata_items"), _table(library, "media_parts")
    state.parts = _parts(library, section, state.media_parts.rows)
    listed = _all_items(library, state)
    if blobs is not None:
        _count_vectors(library, blobs, state, listed)
    return state


def _count_items(library: sqlite3.Connection, blobs: sqlite3.Connection | None, state: State) -> None:
    now, changed_at = _table(library, "metadata_items"), _high_water(library)
    if changed_at < state.changed_at or now.top < state.metadata.top:
        raise StaleError("the library went back to an earlier state")
    new, without_vector = 0, []
    bound = {"changed_at": state.changed_at, "top": state.metadata.top, "late": LATE}
    for key, section, kind, deleted_at, extra_data in library.execute(queries.CHANGED, bound):
        live = section == state.section and deleted_at is None
        for name, (marked, mark) in MARKS.items():
            getattr(state, name).put(key, live and kind == marked and mark in (extra_data or ""))
        if not live or kind != TRACK:
            state.vectors.put(key, False)
        elif key not in state.vectors:
            without_vector.append(key)
        if key > state.metadata.top:
            new += 1
            state.items += section == state.section
            state.tracks += section == state.section and kind == TRACK
    if now.rows != state.metadata.rows + new:
        raise StaleError(f"{state.metadata.rows + new - now.rows} items were removed")
    for (key,) in blobs.execute(queries.VECTORS_OF, {"ids": json.dumps(without_vector)}) if blobs is not None else ():
        state.vectors.put(key, True)
    state.metadata, state.changed_at = now, changed_at
    state.section_changed_at = _section_high_water(library, state.section)


def _count_parts(library: sqlite3.Connection, state: State) -> None:
    now, top = _table(library, "media_parts"), state.media_parts.top
    (new,) = library.execute("SELECT count(*) FROM media_parts WHERE id > ?", (top,)).fetchone()
    if now.rows == state.media_parts.rows + new:
        (added,) = library.execute(queries.NEW_PARTS, {"top": top, "section": state.section}).fetchone()
        state.parts += added
    else:
        state.parts = _parts(library, state.section, now.rows)
    state.media_parts = now


def _count_new_vectors(library: sqlite3.Connection, blobs: sqlite3.Connection, state: State) -> None:
    now, before = _table(blobs, "blobs"), state.blobs or Table()
    (new,) = blobs.execute("SELECT count(*) FROM blobs WHERE id > ?", (before.top,)).fetchone()
    if state.blobs is None or now.rows != before.rows + new:
        _count_vectors(library, blobs, state)
        return
    (ids,) = blobs.execute(queries.NEW_VECTORS, {"top": before.top}).fetchone()
    for key in _live_tracks(library, state.section, json.loads(f"[{ids or ''}]")):
        state.vectors.put(key, True)
    state.blobs = now


def count_changes(library: sqlite3.Connection, blobs: sqlite3.Connection | None, state: State) -> None:
    """Bring a state up to date; StaleError when it cannot be, and then the state must not be used any more."""
    for connection in (library, blobs) if blobs is not None else (library,):
        _map(connection)
    _count_items(library, blobs, state)
    _count_parts(library, state)
    if blobs is None:
        state.blobs, state.vectors = None, IdSet()
    else:
        _count_new_vectors(library, blobs, state)


def deleted(library: sqlite3.Connection, section: int) -> tuple[int, int, int]:
    """Count what is soft-deleted: items, tracks among them, parts. Cost follows their number."""
    bound = {"section": section}
    items, tracks = library.execute(queries.DELETED, bound).fetchone()
    (parts,) = library.execute(queries.PARTS_DELETED, bound).fetchone()
    return int(items), int(tracks), int(parts)
