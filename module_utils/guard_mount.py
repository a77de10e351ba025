# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The mount as the guard handles it: its process, its connection to the kernel, its layers, its repair.

The guard holds a second handle of the mount's FUSE device. When rclone is killed, the kernel then keeps the
connection instead of failing every call: who looks waits, and waits until the guard has frozen Plex. Without
that handle a scanner would be told in the very millisecond of the death that every file is gone. systemd keeps a
copy, so that the same holds when the guard dies together with rclone.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import fd_store, fuse_connections, mount_layers

_PIDFD_GETFD = 438
_DEVICE = "/dev/fuse"


@dataclass(frozen=True)
class Places:
    """Where things are: the unit, the side directory of the generations, the shared parent, the target below it."""

    unit: str
    generation: str
    parent: str
    target: str


def systemctl(*words: str, timeout: float = 20.0) -> str:
    """Run systemctl; its output, empty when it failed or took too long."""
    try:
        done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.strip()


class Mount:
    """The living generation: follows the unit from one process to the next."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.layers = mount_layers.Watched()
        self.pid = 0
        self.process = -1  # pidfd: readable when the process has ended
        self.device = -1  # our handle of its /dev/fuse
        self.connection = ""
        self.began = 0  # in ticks of the kernel's clock: after a reboot another process may have the same number
        self.left: list[int] = []  # handles of a guard that died, as systemd kept them

    def handles(self) -> list[int]:
        """List the descriptors that no child may inherit."""
        return [descriptor for descriptor in (self.process, self.device, *self.left) if descriptor >= 0]

    def follow(self) -> bool:
        """Take hold of the unit's present process; tells whether there is one with a mount."""
        pid = int(systemctl("show", "--property=MainPID", "--value", self.places.unit) or 0)
        layers = mount_layers.at(self.places.generation)
        if not pid or not layers or not layers[-1].connection:
            return False
        if pid == self.pid and self.alive():
            return True
        self.release()
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self.pid, self.process, self.connection = pid, process, layers[-1].connection
        self.began = int((self._stat() or ["0"] * 20)[19])
        self._hold()
        return True

    def _hold(self) -> None:
        """Duplicate rclone's handle of /dev/fuse; without it the guard still works, only less gently."""
        directory = Path(f"/proc/{self.pid}/fd")
        with suppress(OSError):
            for entry in directory.iterdir():
                if str(entry.readlink()) == _DEVICE:
                    libc = ctypes.CDLL(None, use_errno=True)
                    self.device = libc.syscall(_PIDFD_GETFD, self.process, int(entry.name), 0)
                    os.set_inheritable(self.device, False)
                    fd_store.keep(self.device)
                    return

    def let_left_go(self) -> None:
        """Close what a guard before this one held: calls that still wait for its mount fail from now on."""
        for descriptor in self.left:
            os.close(descriptor)
        self.left = []

    def release(self) -> None:
        """Let go of the process, alive or not."""
        fd_store.drop()
        for descriptor in (self.process, self.device):
            if descriptor >= 0:
                os.close(descriptor)
        self.pid, self.process, self.device, self.connection, self.began = 0, -1, -1, "", 0

    def alive(self) -> bool:
        """Whether the process that is held still runs."""
        return self.process >= 0 and (self._stat() or ["X"])[0] not in "ZX"

    def _stat(self) -> list[str]:
        """Give the fields of proc(5) `stat` from the state on; none when the process is gone."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return []

    def shows_stored_times(self) -> bool:
        """Whether it shows the times that the uploader stored, each of which costs a request, and not the upload's."""
        with suppress(OSError):
            return b"--use-server-modtime" not in Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")
        return False

    def aborted(self) -> bool:
        """Whether the kernel has ended the connection, so that whoever looked was told errors; only seen when held."""
        if self.device < 0:
            return not self.alive()
        poll = select.poll()
        poll.register(self.device, 0)
        return bool(poll.poll(0))

    def covered(self) -> bool:
        """Whether the top layer of the target is the living generation."""
        return self._tops(self.layers.at(self.places.target))

    def aside(self) -> bool:
        """Whether the living generation is mounted where it was made, so that it can be put on top again."""
        return self._tops(mount_layers.at(self.places.generation))

    def _tops(self, layers: list[mount_layers.Layer]) -> bool:
        return bool(layers) and layers[-1].connection == self.connection != ""

    def reaches(self, pid: int) -> bool:
        """Whether the mount table of a process, such as a container's, has the living generation."""
        with suppress(OSError):
            return f":{self.connection} " in Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8")
        return True

    def waiting(self) -> int:
        """How many calls wait for the mount's answer."""
        return fuse_connections.waiting(self.connection)

    def cover(self) -> None:
        """Put the living generation on top, on a parent that reaches the containers. Raises OSError."""
        if not self.aside():
            # What is left of it is an empty directory, and what is mounted there later would show on the target, too.
            raise OSError(f"nothing is mounted at {self.places.generation} any more")
        mount_layers.ensure_shared(self.places.parent)
        if not self.covered():
            mount_layers.bind(self.places.generation, self.places.target)

    def kill(self) -> None:
        """End a process that no longer answers, and fail the calls that wait for it."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        if self.connection:
            fuse_connections.abort(self.connection)

    def _unit(self) -> str:
        return systemctl("show", "--property=ActiveState", "--value", self.places.unit)

    def settled(self) -> bool:
        """Whether the unit has done what it does after a start: it puts the generation on top itself."""
        return self._unit() == "active"

    def replace(self) -> None:
        """Make the living generation give way to the next."""
        held = bool(self.pid)
        self.kill()
        self.release()
        self.restart(held=held)

    def restart(self, *, held: bool) -> None:
        """Have systemd start the next generation; it does so by itself after a kill, unless it has given up."""
        if self._unit() in {"failed", "inactive"}:
            systemctl("reset-failed", self.places.unit)
            systemctl("start", "--no-block", self.places.unit)
        elif not held:
            # A unit whose mount was never found: nothing was killed, so nothing would change.
            systemctl("restart", "--no-block", self.places.unit)
