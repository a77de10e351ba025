# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is there room on a disk for what is about to be written?

Private to this collection.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .archive import ArchiveError

# Room left for the logs SQLite and Plex will write.
RESERVE = 64 << 20


def need_room(directory: Path, size: int, what: str) -> None:
    """Raise ArchiveError when fewer than size bytes, and a reserve, are free where a directory is or will be."""
    existing = next(path for path in (directory.absolute(), *directory.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < size + RESERVE:
        raise ArchiveError(
            f"{what} needs {size >> 20} MB in {directory}, where {free >> 20} MB are free: free some, or choose"
            " another disk."
        )
