# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far one section is, counted in the databases while the server works.

Read-only, with a busy timeout, in one short read transaction. A database that is locked or unreadable is a state of
the reading, not a zero.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from .progress_changes import StaleError, count_all, count_changes, deleted
from .progress_state import State, load, save

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"

OK = "ok"
LOCKED = "locked"
MISSING = "missing"
UNREADABLE = "unreadable"

EVERYTHING = "everything"
CHANGES = "changes"
# However sure the changes are, everything is counted again after this many seconds.
RECOUNT_AFTER = 600.0


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
    loudness: int = 0
    """Live albums whose loudness is analysed."""

    def as_dict(self) -> dict[str, int | None]:
        """The counts as they stand in a sample."""
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """`state` is ok, locked, missing or unreadable; `counts` exists only when it is ok.

    `counted` says what was read: everything, or only what changed since the last reading.
    """

    state: str
    counts: Counts | None = None
    detail: str = ""
    counted: str = ""


@dataclass(frozen=True)
class Memory:
    """Where a reading leaves what the next one stands on, and which server process it is about."""

    path: Path
    process: str = ""


def read_counts(
    directory: str, section: int, busy_seconds: float = 5, memory: Memory | None = None, now: float | None = None
) -> Reading:
    """Count one section. Vectors count only for its own live tracks, so other sections cannot mix in."""
    moment = time.time() if now is None else now
    place = Path(directory)
    try:
        identity = _identity(place, memory.process if memory else "")
        with closing(_open(place / LIBRARY, busy_seconds)) as library:
            blobs, detail = _open_blobs(place, busy_seconds)
            try:
                known = _known(memory, identity, section, moment)
                state, counted = _count(library, blobs, section, known)
                items_deleted, tracks_deleted, parts_deleted = deleted(library, section)
            finally:
                if blobs is not None:
                    blobs.close()
    except (sqlite3.Error, OSError) as error:
        return Reading(state_of(error), detail=str(error))
    if counted == EVERYTHING:
        state.counted_at, state.library = moment, identity
    if memory:
        # On a full disk the next sample counts more; it is no reason to have none.
        with suppress(OSError):
            save(memory.path, state)
    counts = Counts(
        items=state.items - items_deleted,
        items_deleted=items_deleted,
        parts=state.parts - parts_deleted,
        parts_deleted=parts_deleted,
        tracks=state.tracks - tracks_deleted,
        analysed=len(state.analysed),
        vectors=len(state.vectors) if state.blobs else None,
        changed_at=state.section_changed_at,
        loudness=len(state.loudness),
    )
    return Reading(OK, counts, detail, counted)


def _identity(place: Path, process: str) -> str:
    """Name the files and the process: what replaces either may count its changes differently."""
    files = [(place / name).stat() if (place / name).exists() else None for name in (LIBRARY, BLOBS)]
    return f"{[file and (file.st_dev, file.st_ino) for file in files]} {process}"


def _known(memory: Memory | None, identity: str, section: int, now: float) -> State | None:
    state = load(memory.path) if memory else None
    if state is None or (state.library, state.section) != (identity, section):
        return None
    return state if 0 <= now - state.counted_at < RECOUNT_AFTER else None


def _count(
    library: sqlite3.Connection, blobs: sqlite3.Connection | None, section: int, known: State | None
) -> tuple[State, str]:
    if known is not None:
        try:
            count_changes(library, blobs, known)
        except StaleError:
            pass
        else:
            return known, CHANGES
    return count_all(library, blobs, section), EVERYTHING


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


def _open_blobs(place: Path, busy_seconds: float) -> tuple[sqlite3.Connection | None, str]:
    try:
        connection = _open(place / BLOBS, busy_seconds)
    except (sqlite3.Error, OSError) as error:
        return None, f"vectors: {error}"
    try:
        # Opening reads nothing yet.
        connection.execute("SELECT max(id) FROM blobs").fetchone()
    except sqlite3.Error as error:
        connection.close()
        return None, f"vectors: {error}"
    return connection, ""


def _open(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Open a database and begin a read transaction: all that is counted is of one moment."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, timeout=busy_seconds, isolation_level=None
    )
    # A title or a key that is not UTF-8 must not end a count.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("BEGIN")
    return connection
