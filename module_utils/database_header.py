# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a database file says about itself in its first hundred bytes.

Private to this collection. Opening and closing a file drops the locks this process holds on it: never ask
while a connection of ours is in a transaction.
"""

from __future__ import annotations

import struct
from pathlib import Path

from .plex_db import BLOBS, LIBRARY, MAGIC

HEADER = 100
REPAIR = "Take another archive, or repair it at home: wrapper repair ARCHIVE --into DIRECTORY."


def header_problem(path: Path) -> str:
    """Judge a file by its size and its first hundred bytes; empty when nothing is wrong."""
    if path.is_symlink() or not path.is_file():
        return f"{path} is missing: an archive must hold {LIBRARY} and {BLOBS}."
    with path.open("rb") as file:
        header = file.read(HEADER)
    return judged(str(path), path.stat().st_size, header, with_log=has_log(path))


def judged(path: str, size: int, header: bytes, *, with_log: bool) -> str:
    """Judge the size in bytes and the first hundred bytes of a database called path; empty when nothing is wrong."""
    if size == 0:
        return f"{path} is empty (zero bytes). {REPAIR}"
    if len(header) < HEADER or not header.startswith(MAGIC):
        return f"{path} is not an SQLite database. {REPAIR}"
    page_size, write_version = struct.unpack(">HB", header[16:19])
    page_size = 65536 if page_size == 1 else page_size
    if page_size < 512 or page_size & (page_size - 1) or write_version not in {1, 2}:
        return f"{path} has a damaged SQLite header. {REPAIR}"
    changes, pages = struct.unpack(">II", header[24:32])
    (valid_for,) = struct.unpack(">I", header[92:96])
    # With a log beside it the file may lag behind its own header; SQLite then reads the pages from the log.
    if not with_log and changes == valid_for and pages * page_size != size:
        kind = "truncated" if size < pages * page_size else "longer than it says"
        return f"{path} is {kind}: {size} bytes where its header promises {pages * page_size}. {REPAIR}"
    return ""


def has_log(path: Path) -> bool:
    """Whether a write-ahead log with content lies beside a database."""
    log = path.with_name(path.name + "-wal")
    return log.is_file() and log.stat().st_size > 0
