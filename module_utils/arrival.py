# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Databases that arrive in pieces: each is written to its place and removed, the whole is moved in at the end.

Private to this collection. What has arrived is written down, so that a transfer that was interrupted goes on where it
ended; pieces of another library begin anew. Nothing is visible under its own name before everything is there.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .archive import ArchiveError
from .database_header import header_problem
from .files import read_json, write_json
from .pieces import Piece, write_piece
from .place import Owner, Placed, install, make_directory, read_stamp, refuse_overwriting
from .plex_db import BLOBS, LIBRARY, migrations, reading
from .snapshot import state_of
from .unpack import Staged

_STAGING = ".plex-burst-arriving"
_NOTES = "arrived.json"


@dataclass(frozen=True)
class Shipment:
    """What is on its way; staged and archive say what the databases are and where they came from, as place() does."""

    pieces: Sequence[Piece]
    staged: Staged
    archive: dict[str, Any]


@dataclass
class Arrival:
    """How far it is. missing names the pieces that are not there yet; placed is set when none is.

    seconds have gone by since the first call of this transfer.
    """

    changed: bool = False
    missing: list[str] = field(default_factory=list)
    placed: Placed | None = None
    seconds: float = 0


def _notes(staging: Path, pieces: Sequence[Piece], owner: Owner) -> dict[str, Any]:
    """Read what came before; start anew when it was of other databases."""
    wanted = [piece.sha256 for piece in pieces]
    before = read_json(staging / _NOTES)
    if isinstance(before, dict) and before.get("pieces") == wanted:
        return before
    if staging.exists():
        shutil.rmtree(staging)
    make_directory(staging.parent, owner)
    staging.mkdir(mode=0o700)
    notes = {"pieces": wanted, "arrived": [], "began": time.time()}
    write_json(staging / _NOTES, notes)
    return notes


def _checked(staging: Path, staged: Staged) -> None:
    for name in (LIBRARY, BLOBS):
        if (staging / name).stat().st_size != staged.databases[name]:
            # A longer one is what an earlier attempt left that was packed otherwise.
            os.truncate(staging / name, staged.databases[name])
        problem = header_problem(staging / name)
        if problem:
            raise ArchiveError(problem)
    with reading(staging / LIBRARY) as connection:
        if len(migrations(connection)) != staged.schema_migrations:
            raise ArchiveError(f"{staging / LIBRARY} is not the library that was sent: send it again.")


def receive(shipment: Shipment, incoming: Path, dest: Path, owner: Owner, *, dry_run: bool = False) -> Arrival:
    """Take in the pieces that lie in incoming, put the databases into dest when all have come.

    Raises ArchiveError for a piece that is damaged, and when dest has a library that is not of this archive.
    """
    pieces, staged, archive = shipment.pieces, shipment.staged, shipment.archive
    stamp = read_stamp(dest)
    present = any((dest / name).exists() for name in (LIBRARY, BLOBS))
    modified = present and stamp.get("installed") != state_of(dest)
    if present and stamp.get("staged", {}).get("checksums") == staged.checksums:
        return Arrival(placed=Placed(staged, archive, modified_since=modified))
    refuse_overwriting(dest, archive, modified=modified)
    if dry_run:
        return Arrival(changed=True, missing=[piece.name for piece in pieces])
    staging = dest / _STAGING
    notes = _notes(staging, pieces, owner)
    arrived = notes["arrived"]
    found = Arrival()
    for piece in pieces:
        packed = incoming / piece.name
        if piece.name not in arrived and packed.is_file():
            try:
                write_piece(piece, packed, staging / piece.database)
            finally:
                # One that is damaged is of no more use than one that has been written.
                packed.unlink()
            arrived.append(piece.name)
            write_json(staging / _NOTES, notes)
            found.changed = True
    found.seconds = round(time.time() - notes["began"], 3)
    found.missing = [piece.name for piece in pieces if piece.name not in arrived]
    if not found.missing:
        _checked(staging, staged)
        found.placed = install(staging, dest, owner, staged, archive)
        shutil.rmtree(staging)
        found.changed = True
    return found
