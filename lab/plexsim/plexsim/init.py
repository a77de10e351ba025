"""Process 1 of the image: first run, then the server, started again whenever it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from . import fault_names, process
from .fault_acts import Acts, send
from .faults import desk
from .first_run import DONE, first_run, say
from .plex_tv import PENDING
from .settings import from_environment

CONTROL = Path("/run/plexsim-control")
_GRACE = 5.0  # seconds between TERM and KILL, as in the image's finish script
_RESTART_PAUSE = 1.0


def finish(server: subprocess.Popen[bytes]) -> None:
    """Stop the server: TERM, five seconds, KILL for everything that is left."""
    say("Stopping Plex Media Server.")
    if server.poll() is None:
        server.terminate()
    end = time.monotonic() + _GRACE
    while time.monotonic() < end and server.poll() is None:
        time.sleep(0.1)
    send(signal.SIGKILL, process.HOME)
    server.wait()


class Supervisor:
    """Keeps the server as wanted: up, or down on request."""

    def __init__(self, owner: int, environment: dict[str, str], acts: Acts) -> None:
        self.owner = owner
        self.environment = environment
        self.acts = acts
        self.wanted_up = True
        self.ending = False
        self.server: subprocess.Popen[bytes] | None = None

    def end(self, *_: object) -> None:
        """Take the container's stop signal."""
        self.ending = True

    def obey(self) -> None:
        """Do what /plex_service.sh asked: d down, u up, r restart; it waits until the file is gone."""
        if not CONTROL.exists():
            return
        wish = CONTROL.read_text().strip()
        self.wanted_up = wish != "d"
        if wish in ("d", "r") and self.server:
            finish(self.server)
            self.server = None
        CONTROL.unlink()

    def run(self) -> None:
        """Watch until the container is stopped."""
        while not self.ending:
            self.obey()
            if self.server and self.server.poll() is not None:
                finish(self.server)
                self.server = None
                time.sleep(_RESTART_PAUSE)
            elif self.server is None and self.wanted_up:
                say("Starting Plex Media Server.")
                self.server = process.start([process.SERVER], self.environment, self.owner)
            self.acts.step(up=self.server is not None)
            self._reap()
            time.sleep(0.1)
        if self.server:
            finish(self.server)

    def _reap(self) -> None:
        """Collect orphans, the duty of process 1, but leave the server to its own wait."""
        for pid in _zombies():
            if self.server is None or pid != self.server.pid:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    continue


def _zombies() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state == "Z" and parent == "1":
                found.append(int(entry.name))
    return found


def main() -> None:
    """Prepare and supervise."""
    owner = int(os.environ.get("PLEX_UID") or 1000)
    group = int(os.environ.get("PLEX_GID") or 1000)
    settings = from_environment()
    # In process 1, because a server that crashes again and again must still be told to stop doing so.
    faults = fault_names.from_environment()
    admin = desk.start(settings.admin_port, faults)
    environment = {"HOME": "/config"}
    if not DONE.exists():
        signed_in = first_run(settings, os.environ, owner, group)
        if signed_in:
            environment[PENDING] = json.dumps(asdict(signed_in))
        DONE.touch()
    supervisor = Supervisor(owner, environment, Acts(settings, faults, say, admin.lock))
    signal.signal(signal.SIGTERM, supervisor.end)
    signal.signal(signal.SIGINT, supervisor.end)
    supervisor.run()


if __name__ == "__main__":
    main()
