# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Freeze a container at once, and let it go: its cgroup first, then Docker's own word for it.

`docker pause` waits until every process stands still, and a process that waits for a sick mount does not: Docker
then gives up and thaws. So the cgroup (of either version) is told first, which takes a millisecond: what runs stands
still, what waits for the mount does before it sees the answer. Docker is told when nothing waits any more.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
import typing as t
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from . import trash_preference
from .cgroups import freezer_of
from .rclone_rc import UnixConnection

DOCKER_SOCKET = "/var/run/docker.sock"
PREFERENCES = "/config/Library/Application Support/Plex Media Server/Preferences.xml"
GRACEFUL_STOP = ("/plex_service.sh", "-d")
# Seconds in which a container whose mount answers comes to a standstill.
STAND_STILL = 5.0


def docker(method: str, path: str, timeout: float = 10.0, socket: str = DOCKER_SOCKET) -> tuple[int, dict[str, t.Any]]:
    """Ask the Docker daemon; returns its status and answer, status 0 when it is away."""
    connection = UnixConnection(socket, timeout)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        answer = json.loads(response.read().strip() or b"{}")
        return response.status, answer if isinstance(answer, dict) else {}
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, {"message": str(error)}
    finally:
        connection.close()


class Container:
    """One container, looked up when needed: it may be made, restarted or removed at any time."""

    def __init__(self, name: str, socket: str = DOCKER_SOCKET) -> None:
        self.name, self.socket = name, socket
        self.pid, self.paused = 0, False
        self._found: tuple[int, tuple[Path, int]] | None = None

    def ask(self) -> dict[str, t.Any]:
        """Ask Docker, which may be late, for the first process and whether it is paused; empty while Docker is away."""
        status, answer = docker("GET", f"/containers/{self.name}/json", socket=self.socket)
        if status == http.client.OK:
            state = answer["State"]
            return {"pid": int(state["Pid"]) if state["Running"] else 0, "paused": bool(state["Paused"])}
        return {"pid": 0, "paused": False} if status == http.client.NOT_FOUND else {}

    def learn(self, answer: dict[str, t.Any]) -> None:
        """Take in what was answered; what is known stays while Docker is away."""
        if "pid" in answer:
            self.pid, self.paused = answer["pid"], answer["paused"]

    def look(self) -> None:
        """Ask, and wait for the answer."""
        self.learn(self.ask())

    def alive(self) -> bool:
        """Whether the process that was seen last is still there."""
        return bool(self.pid) and Path(f"/proc/{self.pid}").exists()

    def path(self, inside: str) -> str:
        """Give the path by which the machine sees what the container sees at `inside`."""
        return f"/proc/{self.pid}/root{inside}"

    def _freezer(self) -> tuple[Path, int]:
        """Find it once for a process: it stays there, and the guard asks every second."""
        if not self._found or self._found[0] != self.pid:
            self._found = self.pid, freezer_of(Path(f"/proc/{self.pid}/cgroup").read_text(encoding="utf-8"))
        return self._found[1]

    def order(self, frozen: bool) -> tuple[Path, str]:
        """Give the file of its cgroup and the word that stops it or lets it go. Raises OSError when there is none."""
        directory, version = self._freezer()
        if version == 1:
            return directory / "freezer.state", "FROZEN" if frozen else "THAWED"
        return directory / "cgroup.freeze", str(int(frozen))

    def freeze(self, frozen: bool = True) -> None:
        """Stop every process now, or let it go. OSError when there is none."""
        path, word = self.order(frozen)
        path.write_text(word, encoding="utf-8")

    def hold(self, frozen: bool) -> bool:
        """Have the cgroup as it was told, whatever Docker has made of it since; whether it had to be told again."""
        if self.told_to_stand() in (None, frozen):
            return False
        with suppress(OSError):
            self.freeze(frozen)
            return True
        return False

    def told_to_stand(self) -> bool | None:
        """Whether its cgroup was told to stop, whether or not all of it stands still; None when it has none."""
        with suppress(OSError):
            directory, version = self._freezer()
            name = "freezer.self_freezing" if version == 1 else "cgroup.freeze"
            return (directory / name).read_text(encoding="utf-8").strip() == "1"
        return None

    def stands_still(self) -> bool:
        """Whether nothing in it runs or waits for an answer any more."""
        with suppress(OSError):
            directory, version = self._freezer()
            name, word = ("freezer.state", "FROZEN") if version == 1 else ("cgroup.events", "frozen 1")
            return word in (directory / name).read_text(encoding="utf-8")
        return False

    def tell_docker(self, frozen: bool) -> None:
        """Have Docker say the same as the cgroup; it may take its time, so never call it where time counts.

        What Docker is to let go has to stand still: it refuses to let go of what moves, and says `paused` for ever.
        """
        if frozen:
            docker("POST", f"/containers/{self.name}/pause", 30.0, self.socket)
            return
        with suppress(OSError):
            self.freeze()
        deadline = time.monotonic() + STAND_STILL
        while not self.stands_still() and time.monotonic() < deadline:
            time.sleep(0.01)
        docker("POST", f"/containers/{self.name}/unpause", 30.0, self.socket)
        self.thaw()

    def thaw(self) -> None:
        """Let everything go on."""
        if self.alive():
            with suppress(OSError):
                self.freeze(False)

    def restart(self) -> None:
        """Stop it gracefully and start it again, so that its binds are made anew; takes up to two minutes."""
        if self.paused:
            self.tell_docker(False)
        self.thaw()
        # The image kills its server five seconds after a stop, so the server is asked first.
        with suppress(OSError, subprocess.TimeoutExpired):
            command = ["docker", "exec", self.name, *GRACEFUL_STOP]
            subprocess.run(command, capture_output=True, timeout=60, check=False)
        docker("POST", f"/containers/{self.name}/restart?t=30", timeout=60.0, socket=self.socket)

    def start(self) -> None:
        """Start it again once its processes are gone."""
        deadline = time.monotonic() + 10
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        docker("POST", f"/containers/{self.name}/start", timeout=30.0, socket=self.socket)

    def empties_trash(self) -> bool:
        """Whether Plex removes by itself what a scan marked."""
        return trash_preference.empties(Path(self.path(PREFERENCES)))

    def keep_trash(self) -> None:
        """Have it keep its trash from its next start on; see trash_preference. Raises OSError."""
        trash_preference.keep(Path(self.path(PREFERENCES)))

    def workers(self, names: Sequence[str]) -> list[int]:
        """List the processes of the container whose program has one of the names; all when none is given."""
        try:
            directory, _ = self._freezer()
            pids = [int(pid) for pid in (directory / "cgroup.procs").read_text(encoding="utf-8").split()]
        except OSError:
            return []
        if not names:
            return pids
        found = []
        for pid in pids:
            with suppress(OSError):
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:3]
                programs = {os.fsdecode(argument).rpartition("/")[2] for argument in arguments}
                if programs & set(names):
                    found.append(pid)
        return found

    def end(self, pids: Sequence[int]) -> None:
        """Kill processes, frozen or not: a frozen one does nothing more before it dies."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
