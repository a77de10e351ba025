# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disk cache of the mount, if there is one: whether it is what makes the mount sick, and how it goes away.

A cache that is well is kept over a repair: the next generation knows its files and need not fetch them again.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

# What rclone keeps in its --cache-dir: the bytes, and what it knows of them.
_PARTS = ("vfs", "vfsMeta")
_GONE = "gone-"
# Bytes; with less, rclone cannot put down what it has read, and its reads fail.
ROOM = 16 << 20


@dataclass
class Cache:
    """directory: rclone's --cache-dir, empty for a mount without one. wrong: a file had other bytes than before."""

    directory: str = ""
    wrong: bool = False

    def blame(self) -> str:
        """Say why the cache is what makes the mount sick; empty when it is not."""
        if not self._parts():
            return ""
        if self.wrong:
            return "files have other bytes than before"
        found = os.statvfs(self.directory)
        return "its disk is full" if found.f_bfree * found.f_frsize < ROOM else ""

    def wipe(self) -> list[int]:
        """Rename it, so that the next generation begins without; what deletes it is given as process ids.

        OSError when its disk allows not even that.
        """
        for part in self._parts():
            # A name of its own each time: an earlier one may not be deleted to its end.
            part.rename(part.with_name(f"{_GONE}{secrets.token_hex(8)}"))
        self.wrong = False
        gone = [str(path) for path in Path(self.directory).glob(f"{_GONE}*")]
        return [os.posix_spawn("/bin/rm", ["rm", "-rf", *gone], {})]

    def _parts(self) -> list[Path]:
        found = [Path(self.directory) / name for name in _PARTS] if self.directory else []
        return [part for part in found if part.is_dir()]
