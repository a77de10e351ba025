# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consistent copy of both databases while Plex writes.

Private to this collection. The library is copied first and the blobs after it: no vector that the copied
library claims can be missing from blobs that are younger.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from .database_copy import copy_database
from .files import sha256, write_json
from .integrity import check
from .plex_db import ANALYSED, BLOBS, LIBRARY, TRACK, VECTOR_BLOB, PlexDatabaseError, reading

MANIFEST = "manifest.json"
ATTEMPTS = 3

_CLAIMED = "SELECT id FROM metadata_items WHERE metadata_type = ? AND deleted_at IS NULL AND extra_data LIKE ?"
_VECTORS = "SELECT linked_id FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = ?"


def _ids(path: Path, query: str, parameters: tuple[object, ...]) -> set[int]:
    with reading(path) as connection:
        return {key for (key,) in connection.execute(query, parameters)}


def _vectors(path: Path) -> set[int]:
    return _ids(path, _VECTORS, (VECTOR_BLOB,))


def copy_pair(source: Path, target: Path) -> int:
    """Copy the library first and the blobs after it, so that no vector the library claims can be missing.

    Returns how many analysed tracks have no vector at the source either.
    """
    copy_database(source / LIBRARY, target / LIBRARY)
    claimed = _ids(target / LIBRARY, _CLAIMED, (TRACK, ANALYSED))
    for _ in range(ATTEMPTS):
        copy_database(source / BLOBS, target / BLOBS)
        without = claimed - _vectors(target / BLOBS)
        # Plex may write the mark a moment before the vector; then the source has it by now.
        if not without & _vectors(source / BLOBS):
            return len(without)
    raise PlexDatabaseError(
        f"{source / BLOBS} stays behind {LIBRARY}: {len(without)} analysed tracks have their vector at the"
        f" source but not in the copy after {ATTEMPTS} attempts; try again when Plex is idle."
    )


def state_of(directory: Path) -> dict[str, list[int]]:
    """Describe what the files of a directory look like now: any commit changes it."""
    state: dict[str, list[int]] = {}
    for name in (LIBRARY, BLOBS):
        for path in (directory / name, directory / f"{name}-wal"):
            if path.is_file() and path.stat().st_size:
                state[path.name] = [path.stat().st_size, path.stat().st_mtime_ns]
    return state


def _reusable(source: Path, target: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        unchanged = manifest["source"] == state_of(source) and manifest["copy"] == state_of(target)
    except (OSError, ValueError, KeyError):
        return None
    return manifest if unchanged else None


def room_problem(source: Path, target: Path) -> str:
    """Say in one sentence what is missing on the disk; empty when there is room."""
    needed = sum((source / name).stat().st_size for name in (LIBRARY, BLOBS) if (source / name).is_file())
    existing = next(path for path in (target.absolute(), *target.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free > needed * 1.05:
        return ""
    return (
        f"The copy of {source} needs {needed >> 20} MB in {target}, where {free >> 20} MB are free:"
        " free some, or choose another disk."
    )


def take(source: Path, target: Path) -> tuple[dict[str, Any], bool]:
    """Copy both databases of a directory, check the copies; return the manifest and whether it is new."""
    known = _reusable(source, target)
    if known:
        return known, False
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    (target / MANIFEST).unlink(missing_ok=True)
    started = time.monotonic()
    before = state_of(source)
    without_vector = copy_pair(source, target)
    findings = check(target, quick=True)
    if findings.problems:
        raise PlexDatabaseError("The copy is not sound. " + " ".join(findings.problems))
    files = [
        {
            "path": str(target / name),
            "name": name,
            "size": (target / name).stat().st_size,
            "sha256": sha256(target / name),
        }
        for name in (LIBRARY, BLOBS)
    ]
    manifest = {
        "format": 1,
        "files": files,
        "migrations": findings.migrations,
        "analysed_without_vector": without_vector,
        "seconds": round(time.monotonic() - started, 3),
        "source": before,
        "copy": state_of(target),
    }
    write_json(target / MANIFEST, manifest)
    return manifest, True
