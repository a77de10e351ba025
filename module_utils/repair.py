# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Repair a pair of databases: salvage the damaged one, count what is missing, keep the original.

Private to this collection. Nothing is put in place that lost rows of the library, unless that was allowed.
"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .archive import ArchiveError
from .database_header import REPAIR, has_log, header_problem
from .disk_room import need_room
from .files import sync
from .integrity import check
from .plex_db import BLOBS, LIBRARY, PlexDatabaseError
from .salvage import Salvaged, salvage

# What people made and Plex cannot make again; all else (search indexes, bandwidth, activities) grows back.
LIBRARY_TABLES = frozenset(
    {
        *("library_sections", "section_locations", "directories", "metadata_items", "media_items", "media_parts"),
        *("media_streams", "metadata_item_settings", "metadata_item_views", "metadata_item_accounts", "accounts"),
        *("tags", "taggings", "metadata_relations", "play_queue_generators", "blobs", "schema_migrations"),
    }
)
_SUFFIXES = ("", "-wal", "-shm")


@dataclass
class Repaired:
    """What a repair did. lost names library tables with the rows they lost, None where nobody can tell."""

    changed: bool = False
    kept: str = ""
    problems: list[str] = field(default_factory=list)
    databases: dict[str, dict[str, Any]] = field(default_factory=dict)
    lost: dict[str, int | None] = field(default_factory=dict)


def _lost(found: Salvaged) -> dict[str, int | None]:
    return {
        table: census.lost for table, census in found.tables.items() if table in LIBRARY_TABLES and census.lost != 0
    }


def _told(lost: dict[str, int | None]) -> str:
    return ", ".join(f"{'an unknown number of' if rows is None else rows} of {table}" for table, rows in lost.items())


def _salvage(directory: Path, name: str, place: Path) -> Salvaged:
    for suffix in ("", "-wal"):
        if (directory / (name + suffix)).exists():
            shutil.copyfile(directory / (name + suffix), place / f"damaged{suffix}")
    try:
        return salvage(place / "damaged", place / name)
    except PlexDatabaseError as error:
        raise PlexDatabaseError(str(error).replace(str(place / "damaged"), str(directory / name))) from error


def _exchange(directory: Path, name: str, place: Path, kept: Path) -> None:
    """Keep the original with its log aside, then move the new one in, with the rights of the old."""
    status = (directory / name).stat()
    kept.mkdir(mode=0o700, exist_ok=True)
    os.chown(place / name, status.st_uid, status.st_gid)
    (place / name).chmod(status.st_mode & 0o777)
    sync(place / name)
    for suffix in _SUFFIXES:
        if (directory / (name + suffix)).exists():
            (directory / (name + suffix)).replace(kept / (name + suffix))
    (place / name).replace(directory / name)
    sync(kept)
    sync(directory)


def _damaged(directory: Path) -> tuple[list[str], list[str]]:
    """Give every problem of a directory, and which of its databases are named in one."""
    problems = check(directory).problems
    names = [name for name in (LIBRARY, BLOBS) if any(text.startswith(f"{directory / name} ") for text in problems)]
    return problems, names or [name for name in (LIBRARY, BLOBS) if any(f"/{name}" in text for text in problems)]


def repair(directory: Path, accept_loss: bool = False, dry_run: bool = False) -> Repaired:
    """Repair the damaged databases of a directory; a server must not be using them.

    Raises PlexDatabaseError when that is not possible, or when rows of the library would be lost.
    """
    done = Repaired()
    done.problems, names = _damaged(directory)
    if not names:
        return done
    for name in names:
        problem = header_problem(directory / name)
        if problem and "truncated" not in problem and "longer" not in problem:
            raise PlexDatabaseError(f"{problem.removesuffix(REPAIR)}It cannot be salvaged; take another archive.")
        try:
            need_room(directory, 2 * (directory / name).stat().st_size, f"The repair of {name}")
        except ArchiveError as error:
            raise PlexDatabaseError(str(error)) from error
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = directory / f"damaged-{now}"
    with tempfile.TemporaryDirectory(prefix=".plex-burst-repair-", dir=directory) as work:
        for name in names:
            place = Path(work, name.rsplit(".", 2)[-2])
            place.mkdir()
            found = _salvage(directory, name, place)
            done.databases[name] = {
                "tables": {table: asdict(census) | {"lost": census.lost} for table, census in found.tables.items()},
                "left_out": found.left_out,
                "with_log": has_log(directory / name),
            }
            done.lost |= _lost(found)
        if done.lost and not accept_loss:
            raise PlexDatabaseError(
                f"The repair of {directory} would lose rows of the library ({_told(done.lost)}): nothing was changed."
                " Take another archive, or accept the loss (--accept-loss; accept_loss of the module)."
            )
        for name in names if not dry_run else ():
            _exchange(directory, name, Path(work, name.rsplit(".", 2)[-2]), kept)
    done.changed = True
    done.kept = "" if dry_run else str(kept)
    if not dry_run and (left := check(directory).problems):
        raise PlexDatabaseError(f"After the repair: {' '.join(left)} The originals are in {kept}.")
    return done
