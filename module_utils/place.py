# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the databases of an archive in place: complete and checked first, then by renaming on the same disk.

Private to this collection. A stamp beside the databases says where they came from, so that a second run does
nothing, and what they looked like, so that a library that Plex has worked on is never overwritten unasked.
"""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .archive import ArchiveError, kind_of
from .carried_files import PLACE
from .files import read_json, sha256, sync, write_json
from .plex_db import BLOBS, LIBRARY
from .snapshot import state_of
from .unpack import Staged, databases_below, stage

STAMP = ".plex-burst-archive.json"
_STAGING = ".plex-burst-incoming-"


@dataclass(frozen=True)
class Owner:
    """Who shall own what is put in place; None leaves it to whoever we run as."""

    user: int | None = None
    group: int | None = None

    def take(self, path: Path) -> None:
        """Hand a path over."""
        if self.user is not None or self.group is not None:
            user, group = (-1 if wanted is None else wanted for wanted in (self.user, self.group))
            os.chown(path, user, group, follow_symlinks=False)


@dataclass
class Placed:
    """What became of an archive."""

    staged: Staged = field(default_factory=Staged)
    archive: dict[str, Any] = field(default_factory=dict)
    changed: bool = False
    modified_since: bool = False
    backup: str = ""


def identity(src: Path, stamped: dict[str, Any]) -> dict[str, Any]:
    """Describe an archive; its checksum is not computed again while size and time are as they were."""
    if kind_of(src) == "directory":
        return {"path": str(src), "files": state_of(databases_below(src))}
    status = src.stat()
    seen = {"path": str(src), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
    if all(stamped.get(key) == value for key, value in seen.items()) and "sha256" in stamped:
        return stamped
    return {**seen, "sha256": sha256(src)}


def _same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    key = "sha256" if "sha256" in left else "files"
    return key in right and left[key] == right[key]


@contextmanager
def _workplace(parent: Path, prefix: str) -> Iterator[Path]:
    for leftover in parent.glob(f"{prefix}*"):
        # Room is all that a leftover takes; its name is never taken again.
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as place:
        yield Path(place)


def read_stamp(dest: Path) -> dict[str, Any]:
    """Read what was put in place before; empty when nothing was."""
    stamp = read_json(dest / STAMP)
    return stamp if isinstance(stamp, dict) else {}


def _set_aside(dest: Path) -> str:
    """Move the databases that are there, with their logs, into a directory of their own; nothing is deleted."""
    present = [
        dest / (name + suffix)
        for name in (LIBRARY, BLOBS)
        for suffix in ("", "-wal", "-shm")
        if (dest / (name + suffix)).exists()
    ]
    if not present:
        return ""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    backup = dest / f"replaced-{now}"
    backup.mkdir(mode=0o700)
    for path in present:
        path.replace(backup / path.name)
    sync(backup)
    return str(backup)


def make_directory(path: Path, owner: Owner) -> None:
    """Make a directory, with those above it that are missing, for its owner."""
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    for directory in reversed(missing):
        directory.mkdir(mode=0o755)
        owner.take(directory)


def _move_in(staging: Path, dest: Path, owner: Owner) -> None:
    for name in (LIBRARY, BLOBS):
        owner.take(staging / name)
        (staging / name).replace(dest / name)
    sync(dest)


def _move_carried(staging: Path, dest: Path, owner: Owner) -> None:
    """Move what travelled along beside "Plug-in Support"; a folder that is there already is kept aside."""
    for folder in sorted((staging / PLACE).iterdir()) if (staging / PLACE).is_dir() else ():
        for path in (folder, *folder.rglob("*")):
            owner.take(path)
        goal = dest.parent.parent / folder.name
        if goal.exists():
            now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
            goal.replace(goal.with_name(f"{goal.name}.replaced-{now}"))
        folder.replace(goal)


def refuse_overwriting(dest: Path, archive: dict[str, Any], *, modified: bool) -> None:
    """Raise ArchiveError when the library in dest was changed since it was put there, or by somebody else."""
    if modified:
        raise ArchiveError(
            f"{dest} already holds a library that did not come from {archive['path']} or was changed since: it is not"
            " overwritten. Move it away, or say force: true (it is then set aside in a directory beside it)."
        )


def install(staging: Path, dest: Path, owner: Owner, staged: Staged, archive: dict[str, Any]) -> Placed:
    """Move what is whole and checked in staging into dest, beside it on the same disk, and stamp it."""
    backup = _set_aside(dest)
    (dest / STAMP).unlink(missing_ok=True)
    _move_in(staging, dest, owner)
    _move_carried(staging, dest, owner)
    write_json(dest / STAMP, {"archive": archive, "installed": state_of(dest), "staged": asdict(staged)})
    owner.take(dest / STAMP)
    return Placed(staged, archive, changed=True, backup=backup)


def inspect(src: Path, scratch: Path) -> Placed:
    """Read what an archive holds and leave nothing behind."""
    with tempfile.TemporaryDirectory(prefix=".plex-burst-", dir=scratch) as place:
        staged = stage(src, Path(place), library_only=True)
    return Placed(staged, identity(src, {}))


def place(
    src: Path,
    dest: Path,
    owner: Owner,
    carry: tuple[str, ...] = (),
    *,
    force: bool = False,
    dry_run: bool = False,
) -> Placed:
    """Put an archive's databases into dest, unless they are there already, and the folders to carry beside it."""
    stamp = read_stamp(dest)
    archive = identity(src, stamp.get("archive", {}))
    present = any((dest / name).exists() for name in (LIBRARY, BLOBS))
    modified = present and stamp.get("installed") != state_of(dest)
    if present and not force and _same(archive, stamp.get("archive", {})):
        staged = Staged(**stamp.get("staged", {}))
        return Placed(staged, archive, changed=False, modified_since=modified)
    refuse_overwriting(dest, archive, modified=modified and not force)
    if dry_run:
        return Placed(Staged(), archive, changed=True)
    make_directory(dest, owner)
    with _workplace(dest, _STAGING) as staging:
        return install(staging, dest, owner, stage(src, staging, carry), archive)
