# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A series of snapshots in one directory, of which the last ones are kept.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .files import sync, write_json
from .plex_db import PlexDatabaseError
from .snapshot import MANIFEST, reusable, take

PARTIAL = ".partial"
# Seconds. A caller that is killed while it starts zstd leaves its lock to the child until that has become zstd.
PATIENCE = 10.0


def kept(parent: Path) -> list[Path]:
    """List the complete snapshots of a directory, the newest first: their names are the times they were taken at."""
    return sorted((path.parent for path in parent.glob(f"*Z/{MANIFEST}")), reverse=True)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _alone(parent: Path) -> Iterator[None]:
    """Keep a second caller out: it would take our half snapshot for one that a killed caller left."""
    handle = os.open(parent, os.O_RDONLY | os.O_DIRECTORY)
    deadline = time.monotonic() + PATIENCE
    try:
        while not _locked(handle):
            if time.monotonic() > deadline:
                raise PlexDatabaseError(f"Another snapshot is being taken into {parent}: wait until it is done.")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def take_and_keep(
    source: Path, parent: Path, keep: int, compress: bool, facts: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], bool]:
    """Take a snapshot into a directory of its own, named after the time; keep the last ones and remove the others.

    A directory whose name ends in Z is complete. Nothing is removed before the new one is.
    """
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(parent):
        for newest in kept(parent)[:1]:
            known = reusable(source, newest, compress)
            if known:
                return known, False
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        partial, place = parent / f"{stamp}{PARTIAL}", parent / stamp
        manifest, _ = take(source, partial, compress, facts)
        for file in manifest["files"]:
            file["path"] = str(place / file["name"])
            if "archive" in file:
                file["archive"]["path"] = str(place / file["archive"]["name"])
        write_json(partial / MANIFEST, manifest)
        partial.replace(place)
        sync(parent)
        for old in (*kept(parent)[keep:], *parent.glob(f"*{PARTIAL}")):
            shutil.rmtree(old)
    return manifest, True
