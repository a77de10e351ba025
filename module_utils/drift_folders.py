# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have an ordinary scan look into the folders of what drifted, whatever their times say.

Private to this collection. Plex passes over a folder whose time is the one it stored (directories.updated_at). S3 keeps
no times of folders, so a mount makes them up: where the home server sees the bucket through rclone, too, a folder with
new files looks unchanged. A time that is forgotten is seen as a change, costs nothing else, and the scan stores the
mount's again; a forced scan would refresh the metadata of everything beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from .drift import Drift
from .plex_db import LIBRARY, reading, sections, writing

# Dates of this table are text up to about 1.40, unix seconds since.
FORGOTTEN: dict[type, int | str] = {int: 0, str: "1970-01-01 00:00:00"}
_DIRECTORIES = "SELECT id, path, updated_at FROM directories WHERE library_section_id = ?"


def folders(drift: Drift) -> set[str]:
    """Name the folder of every file that is new, gone, moved or of another size, and every folder above it."""
    found: set[str] = set()
    for path in (*drift.new, *drift.gone, *drift.resized, *drift.moved, *drift.moved.values()):
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def below(found: Collection[str], locations: Iterable[str]) -> set[str]:
    """Spell folders as a section's directories are stored: relative to its location, which is an empty text."""
    relative = set()
    for location in locations:
        root = location.rstrip("/")
        relative |= {folder[len(root) :].lstrip("/") for folder in found if f"{folder}/".startswith(f"{root}/")}
    return relative


def forget_times(directory: Path, found: Collection[str], *, dry_run: bool = False) -> int:
    """Forget the times of these folders in a library that no server has open; how many were not forgotten yet."""
    changes: list[tuple[int | str, int]] = []
    with reading(directory / LIBRARY) as connection:
        for section in sections(connection):
            wanted = below(found, section["locations"])
            for key, path, at in connection.execute(_DIRECTORIES, (section["id"],)) if wanted else ():
                # A directory without a time is looked into anyway.
                if (path or "") in wanted and at is not None and at != FORGOTTEN.get(type(at)):
                    changes.append((FORGOTTEN.get(type(at), 0), key))
    if changes and not dry_run:
        with writing(directory / LIBRARY) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("UPDATE directories SET updated_at = ? WHERE id = ?", changes)
            connection.execute("COMMIT")
    return len(changes)
