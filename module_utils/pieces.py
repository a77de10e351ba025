# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Both databases cut into compressed pieces, each small enough to travel and to be tried again by itself.

Private to this collection. A piece is a part of one database, compressed by itself, with the checksum of what it
holds: whoever receives it writes it to its place in the file and needs neither the pieces before it nor those after.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from .archive import READ_ERRORS, ArchiveError, decompressed
from .compression import SUFFIX, compressing
from .disk_room import need_room
from .files import CHUNK, write_json
from .plex_db import BLOBS, LIBRARY

MANIFEST = "pieces.json"
# Bytes of database in a piece. Compressed it was seen to be a seventh; a transfer that breaks is repeated from here.
PIECE = 256 << 20


@dataclass(frozen=True)
class Piece:
    """Bytes offset … offset + size of a database. sha256 is that of these bytes, not of the file called name."""

    name: str
    database: str
    offset: int
    size: int
    sha256: str


def _cut(content: IO[bytes], database: str, offset: int, size: int, target: Path) -> Piece:
    checksum, left = hashlib.sha256(), size
    with compressing(target) as into:
        while left and (data := content.read(min(CHUNK, left))):
            checksum.update(data)
            into.write(data)
            left -= len(data)
    return Piece(target.name, database, offset, size - left, checksum.hexdigest())


def cut(source: Path, target: Path, size: int = PIECE) -> list[Piece]:
    """Cut both databases of a directory, which nobody may be writing, into files of an empty directory.

    Raises ArchiveError when there is no room, CompressionError when a piece cannot be written.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Compressed they were seen to be a seventh; a half leaves room for what is packed worse.
    need_room(target, sum((source / name).stat().st_size for name in (LIBRARY, BLOBS)) // 2, "Packing the databases")
    found = []
    for database in (LIBRARY, BLOBS):
        with (source / database).open("rb") as content:
            length = os.fstat(content.fileno()).st_size
            for number, offset in enumerate(range(0, length, size)):
                name = f"{database}.{number:04d}{SUFFIX}"
                found.append(_cut(content, database, offset, min(size, length - offset), target / name))
    return found


def write_manifest(target: Path, pieces: Iterable[Piece], facts: dict[str, Any]) -> dict[str, Any]:
    """Write down what is in a directory of pieces; facts say what the databases are."""
    manifest = {"pieces": [asdict(piece) for piece in pieces], **facts}
    write_json(target / MANIFEST, manifest)
    return manifest


def write_piece(piece: Piece, packed: Path, target: Path) -> None:
    """Write a piece to its place in a file, which is made if it is missing. Raises ArchiveError when it is damaged."""
    checksum, left = hashlib.sha256(), piece.size
    need_room(target.parent, piece.size, piece.name)
    handle = os.open(target, os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.seek(piece.offset)
        try:
            with decompressed(packed) as content:
                while data := content.read(CHUNK):
                    left -= len(data)
                    if left < 0:
                        break
                    checksum.update(data)
                    file.write(data)
        except READ_ERRORS as error:
            raise ArchiveError(f"{packed} is truncated or damaged: {error or type(error).__name__}.") from error
        file.flush()
        os.fsync(file.fileno())
    if left or checksum.hexdigest() != piece.sha256:
        raise ArchiveError(f"{packed} does not hold what it was packed from: it is sent again by the next attempt.")
