# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A consistent copy of both databases while Plex writes.

Private to this collection. The library is copied first and the blobs after it: no vector that the copied
library claims can be missing from blobs that are younger.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

from . import census
from .compression import SUFFIX, Compression
from .database_copy import copy_database
from .files import read_json, sha256, sync, write_json
from .integrity import Pages, check_pages, check_pair, conclude
from .plex_db import BLOBS, LIBRARY, PlexDatabaseError, reading
from .progress_state import IdSet, id_set

MANIFEST = "manifest.json"
FORMAT = 2
ATTEMPTS = 3
Marked = list[tuple[Any, ...]]

_VECTORS = "SELECT group_concat(linked_id) FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = 7"


def _vectors(path: Path) -> IdSet:
    with reading(path) as connection:
        return id_set(connection.execute(_VECTORS).fetchone()[0])


def read_marked(directory: Path) -> Marked:
    """Read which items of a library are analysed, as the census does."""
    with reading(directory / LIBRARY) as connection:
        return connection.execute(census.MARKED, census.MARKS).fetchall()


def copy_blobs(source: Path, target: Path, marked: Marked, *, durable: bool = True) -> int:
    """Copy the blobs after the library, so that no vector the library claims can be missing.

    durable is what copy_database makes of it. Returns how many analysed tracks have no vector at the source either.
    """
    claimed = id_set(",".join(ids for *_, ids in marked if ids))
    for _ in range(ATTEMPTS):
        copy_database(source / BLOBS, target / BLOBS, durable=durable)
        without = claimed - _vectors(target / BLOBS)
        # Plex may write the mark a moment before the vector; then the source has it by now.
        if not without:
            return 0
        there = _vectors(source / BLOBS)
        if not any(key in there for key in without):
            return len(without)
    raise PlexDatabaseError(
        f"{source / BLOBS} stays behind {LIBRARY}: {len(without)} analysed tracks have their vector at the"
        f" source but not in the copy after {ATTEMPTS} attempts; try again when Plex is idle."
    )


def state_of(directory: Path) -> dict[str, list[int]]:
    """Describe what the files of a directory look like now: any commit changes it."""
    state: dict[str, list[int]] = {}
    for name in (LIBRARY, BLOBS):
        for path in (directory / name, directory / f"{name}-wal", directory / f"{name}{SUFFIX}"):
            if path.is_file() and path.stat().st_size:
                state[path.name] = [path.stat().st_size, path.stat().st_mtime_ns]
    return state


def reusable(source: Path, target: Path, compress: bool) -> dict[str, Any] | None:
    """Read the manifest of an earlier snapshot of just this state; None when there is none."""
    manifest: Any = read_json(target / MANIFEST)
    try:
        unchanged = manifest["source"] == state_of(source) and manifest["copy"] == state_of(target)
        alike = manifest["format"] == FORMAT and all(("archive" in file) is compress for file in manifest["files"])
    except (KeyError, TypeError):
        return None
    return dict(manifest) if unchanged and alike else None


def room_problem(source: Path, target: Path) -> str:
    """Say in one sentence what is missing on the disk; empty when there is room."""
    needed = sum((source / name).stat().st_size for name in (LIBRARY, BLOBS) if (source / name).is_file())
    existing = next(path for path in (target.absolute(), *target.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    # Compressed files lie beside the copies for a moment; they were seen to be a seventh.
    if free > needed * 1.3:
        return ""
    return (
        f"The copy of {source} needs {int(needed * 1.3) >> 20} MB in {target}, where {free >> 20} MB are free:"
        " free some, or choose another disk."
    )


def _with_archive(file: dict[str, Any], archive: Path) -> dict[str, Any]:
    sync(archive)
    Path(file["path"]).unlink()
    facts = {"path": str(archive), "name": archive.name, "size": archive.stat().st_size, "sha256": sha256(archive)}
    return {**file, "archive": facts}


class _Copies:
    """What is done with each copy from the moment it is there: check, checksum, compression, the census, side by side.

    SQLite, hashlib and zstd all leave the interpreter alone meanwhile, so threads use the cores.
    """

    def __init__(self, target: Path, compress: bool) -> None:
        """Nothing is there yet."""
        self._target, self._compress = target, compress
        self._threads = ThreadPoolExecutor(2)
        self._pages: list[Future[Pages]] = []
        self._checksums: dict[str, Future[str]] = {}
        self._compressions: dict[str, Compression] = {}

    def __enter__(self) -> Self:
        """Begin to add."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop what still runs and leave nothing half."""
        for compression in self._compressions.values():
            compression.abandon()
        self._threads.shutdown(cancel_futures=True)

    def add(self, name: str) -> None:
        """Begin with a copy that will not change any more."""
        if self._compress:
            self._compressions[name] = Compression(self._target / name)
        self._pages.append(self._threads.submit(check_pages, self._target / name))
        self._checksums[name] = self._threads.submit(sha256, self._target / name)

    def verify(self, marked: Marked) -> tuple[dict[str, int], dict[str, Any]]:
        """Judge the copies and count them; return their migrations and the census."""
        pair = self._threads.submit(check_pair, self._target / LIBRARY, self._target / BLOBS)
        counted = self._threads.submit(census.take, self._target, marked=marked)
        findings = conclude([pages.result() for pages in self._pages], pair.result())
        if findings.problems:
            raise PlexDatabaseError("The copy is not sound. " + " ".join(findings.problems))
        return findings.migrations, counted.result()

    def finish(self) -> list[dict[str, Any]]:
        """Describe the files; where they were compressed, only that stays."""
        files = []
        for name, checksum in self._checksums.items():
            path = self._target / name
            facts = {"path": str(path), "name": name, "size": path.stat().st_size, "sha256": checksum.result()}
            if self._compress:
                facts = _with_archive(facts, self._compressions[name].finish())
            files.append(facts)
        return files


def take(
    source: Path, target: Path, compress: bool = False, facts: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], bool]:
    """Copy both databases of a directory, check the copies; return the manifest and whether it is new.

    With compress only the compressed files stay, and `archive` of each file in the manifest describes them. Facts
    (the run, the version of Plex) go into the manifest as they are.
    """
    known = reusable(source, target, compress)
    if known:
        return known, False
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (MANIFEST, *(name + SUFFIX for name in (LIBRARY, BLOBS))):
        (target / name).unlink(missing_ok=True)
    started, now = time.monotonic(), datetime.datetime.now(datetime.UTC)
    before = state_of(source)
    with _Copies(target, compress) as copies:
        # Where only the compressed files stay, those are what has to be on the disk.
        copy_database(source / LIBRARY, target / LIBRARY, durable=not compress)
        copies.add(LIBRARY)
        marked = read_marked(target)
        without_vector = copy_blobs(source, target, marked, durable=not compress)
        copies.add(BLOBS)
        copied = time.monotonic()
        migrations, counted = copies.verify(marked)
        files = copies.finish()
    manifest = {
        "format": FORMAT,
        "taken_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "facts": dict(facts or {}),
        "files": files,
        "migrations": migrations,
        "census": counted,
        "analysed_without_vector": without_vector,
        "seconds": round(time.monotonic() - started, 3),
        "copy_seconds": round(copied - started, 3),
        "source": before,
        "copy": state_of(target),
    }
    write_json(target / MANIFEST, manifest)
    return manifest, True
