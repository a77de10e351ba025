# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Leave a descriptor with systemd, so that it outlives this process until systemd starts the next one.

systemd.exec(5), `FileDescriptorStoreMax`: the unit needs it, and `NotifyAccess=main`. Without systemd nothing happens.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress

_FIRST = 3
_NAME = "fuse"


def inherited() -> list[int]:
    """List what the process before this one left; they are this process's own from then on."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return []
    found = list(range(_FIRST, _FIRST + int(os.environ.pop("LISTEN_FDS", "0"))))
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return found


def keep(descriptor: int) -> None:
    """Give systemd a copy."""
    _tell(f"FDSTORE=1\nFDNAME={_NAME}", [descriptor])


def drop() -> None:
    """Have systemd close all its copies."""
    _tell(f"FDSTOREREMOVE=1\nFDNAME={_NAME}", [])


def _tell(words: str, descriptors: list[int]) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        socket.send_fds(channel, [words.encode()], descriptors)
