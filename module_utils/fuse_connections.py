# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The kernel's list of FUSE connections, one directory for each (fusectl): look how it is, or end it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from . import mount_layers

PLACE = Path("/sys/fs/fuse/connections")


def ensure() -> None:
    """Mount the list where no unit has. Raises OSError."""
    if not mount_layers.at(str(PLACE)):
        mount_layers.mount("none", str(PLACE), "fusectl")


def waiting(connection: str) -> int:
    """How many calls wait for an answer; 0 when there is no such connection."""
    try:
        return int((PLACE / connection / "waiting").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def abort(connection: str) -> None:
    """Fail every call that waits; the file system is dead from then on."""
    with suppress(OSError):
        (PLACE / connection / "abort").write_text("1", encoding="utf-8")
