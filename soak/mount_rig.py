"""A machine whose mount can be made sick: S3 behind the misbehaving proxy, the guard, Plex with a library to lose.

Needs the lab (script/lab up). The machine is made once and shared by all cases of a campaign and by the tests of
faults; `Rig.reset` brings it back to health between two cases. A few lines longer than other files: how the machine is
found, looked at and brought back to health belong together.
"""

from __future__ import annotations

import fcntl
import json
import shlex
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.control import docker, images, machine, settings
from module_utils.guard_report import windows
from soak.campaign import BrokenPromiseError
from soak.provision import of_large, provision

ROOT = Path(__file__).resolve().parents[1]
NAME = "mount"
PARENT = "/srv/plex-burst/mnt"
TARGET = f"{PARENT}/library"
CACHE = "/var/cache/plex-burst"
GUARD = "/srv/plex-burst/guard"
ADMIN = f"http://{settings.S3_FAULT_ADDRESS}:{settings.S3_FAULT_ADMIN_PORT}"
LOOK = "/usr/local/lib/mount_look.py"


@dataclass
class Rig:
    """The machine and the proxy. name: the machine's in the lab. large: its library has 456,534 tracks."""

    name: str
    container: str
    large: bool = False

    def sh(self, command: str, timeout: float = 60) -> str:
        """Run a command on the machine; what it printed, whatever its exit code."""
        return docker.attempt("exec", self.container, "bash", "-c", command, timeout=timeout).stdout.strip()

    def fault(self, name: str, on: bool, **parameters: Any) -> None:
        """Switch a fault of the proxy."""
        body = json.dumps({"on": on, **parameters}).encode()
        request = urllib.request.Request(f"{ADMIN}/_lab/faults/{name}", data=body, method="PUT")
        urllib.request.urlopen(request, timeout=5).close()

    def heal(self) -> None:
        """Switch every fault of the proxy off."""
        with urllib.request.urlopen(f"{ADMIN}/_lab/faults", timeout=5) as answer:
            faults = json.load(answer)["faults"]
        for name, fault in faults.items():
            if fault["on"]:
                self.fault(name, False)

    def status(self) -> dict[str, Any]:
        """Read what the guard thinks."""
        return dict(self.look()["guard"])

    def windows(self, since: float) -> list[dict[str, Any]]:
        """List the times in which Plex stood still."""
        return windows(self.look(f"--since={since}")["events"])

    def look(self, *words: str, within: float = 0.0) -> dict[str, Any]:
        """Look at everything at once, perhaps when it is as wanted, see mount_look."""
        said = self.sh(f"python3 {LOOK} --within={within} {' '.join(words)}", timeout=60 + within)
        return dict(json.loads(said or "{}"))

    def plex(self, method: str, path: str) -> str:
        """Ask Plex on the machine, with its own token."""
        preferences = "/srv/plex-burst/config/Library/Application Support/Plex Media Server/Preferences.xml"
        token = f"$(grep -o 'PlexOnlineToken=\"[^\"]*' {shlex.quote(preferences)} | cut -d'\"' -f2)"
        address = shlex.quote(f"http://127.0.0.1:32400{path}")
        return self.sh(f'curl -s -m 5 -X {method} -H "X-Plex-Token: {token}" {address}')

    def scan(self) -> None:
        """Begin a scan of everything and wait until the scanner is at work.

        Of the large library a fifth is looked into, another each time: what is not forced passes over folders that are
        as they were.
        """
        if self.large:
            self.look("--forget")

        def began() -> bool:
            self.plex("GET", f"/library/sections/all/refresh{'' if self.large else '?force=1'}")
            return bool(self.look("--until=scanning", within=3)["scanners"])

        # A server that was started anew takes no orders for some seconds.
        wait(began, True, 60, "the scan did not begin")

    def census(self) -> dict[str, list[int]]:
        """Count what could be lost."""
        return dict(self.look("--census")["census"])

    def reads(self) -> bool:
        """Whether the container can read media bytes now."""
        # Not a list of all files, which takes too long in the large library.
        inside = (
            'd=$(find /media/library -mindepth 2 -maxdepth 2 -type d | shuf -n1) && f=$(find "$d" -type f | shuf -n1)'
            ' && [ -n "$f" ] && head -c 4096 "$f" | wc -c'
        )
        code = f"timeout 5 docker exec plex bash -c {shlex.quote(inside)}"
        return self.sh(code, timeout=20) == ("1" if self.large else "4096")

    def start_plex(self) -> None:
        """Start Plex again when Docker or the machine was restarted, as the stage `plex` of a run does."""
        if self.sh("docker inspect --format '{{.State.Running}}' plex") != "true":
            # containerd (1.6.20) may miss the end of a container into which commands are executed, as a campaign does
            # all the time, and then holds on to its name (containerd#10603).
            self.sh("pkill -KILL -f containerd-shim-runc-v2")
            wait(lambda: "plex" in self.sh("docker start plex"), True, 60, "Plex could not be started again")

    def reboot(self) -> None:
        """Restart the machine."""
        docker.run("restart", "--time", "20", self.container, timeout=90)
        machine.up(self.name, images.ensure_image("machine", print))
        wait(lambda: self.sh("docker info --format ok"), "ok", 60, "Docker did not come up after the reboot")

    def ready(self, undo: str = "") -> None:
        """Have everything healthy; what is so already is left as it is, so that a campaign loses no time.

        undo: a command that takes away what a campaign that was killed in mid-case left, beside the proxy's faults.
        """
        self.heal()
        # systemd counts starts, and a campaign has more of them than a run.
        amiss = self.sh(
            f"{undo}\nsystemctl reset-failed plex-burst-mount plex-burst-guard; mountpoint --quiet {GUARD} && echo yes"
            f"; mountpoint --quiet {PARENT} || echo yes"
        )
        found = self.look()
        if amiss or found["guard"]["state"] != "healthy" or found["scanners"] or found["refreshing"]:
            self.reset()

    def reset(self) -> None:
        """Make everything healthy again, with a guard that remembers nothing."""
        self.heal()
        self.sh(f"while mountpoint --quiet {GUARD}; do umount {GUARD}; done")
        self.sh("systemctl reset-failed plex-burst-mount plex-burst-guard; systemctl start plex-burst-mount")
        # A run goes on without it where the file system around it is shared; the next case takes it away again.
        if self.sh(f"mountpoint --quiet {PARENT} || echo gone"):
            self.sh("systemctl stop plex-burst-guard plex-burst-mount; systemctl restart plex-burst-shared")
            self.sh("systemctl start plex-burst-mount; docker restart plex", timeout=120)
            wait(lambda: "MediaContainer" in self.plex("GET", "/identity"), True, 60, "Plex did not come back")
        self.start_plex()
        self.sh(f"rm -f {GUARD}/events.jsonl {GUARD}/status.json {GUARD}/given_up.json")
        self.sh("systemctl restart plex-burst-guard")
        self.settle()

    def settle(self) -> None:
        """Wait until the guard finds the mount healthy, which a repair takes some time to be, and no scan is left."""
        state = self.look("--until=healthy", within=self.patience + 30)["guard"]["state"]
        if state != "healthy":
            raise BrokenPromiseError(f"the guard did not find the mount healthy in time; it is {state}")
        self.end_of_scan()

    def end_of_scan(self) -> None:
        """Wait until no scan is under way."""
        found = self.look("--until=idle", within=self.patience)
        if found["scanners"] or found["refreshing"]:
            raise BrokenPromiseError(f"a scan did not end within {self.patience:g} s")

    @contextmanager
    def cached(self) -> Iterator[None]:
        """Have the bucket mounted with a disk cache at CACHE, and without one again afterwards."""
        self.sh(f"mkdir -p {CACHE}; mountpoint --quiet {CACHE} || mount -t tmpfs -o size=20G cache {CACHE}")
        try:
            self.configure({"burst_cache_dir": CACHE}, "mount_and_guard")
            yield
        finally:
            self.configure({}, "mount_and_guard")
            self.sh(f"umount {CACHE}")

    def configure(self, more: dict[str, str], playbook: str) -> None:
        """Play a part of what made the machine again, with other words, and wait until the guard is content."""
        provision(self.container, more, playbook)
        self.reset()

    @property
    def patience(self) -> float:
        """Seconds that a scan may take."""
        return 900.0 if self.large else 120.0


def wait(read: Callable[[], Any], wanted: Any, seconds: float, else_said: str) -> float:
    """Poll until the reading is as wanted; how long it took. BrokenPromiseError with the sentence otherwise."""
    started = time.monotonic()
    while (reading := read()) != wanted:
        if time.monotonic() - started > seconds:
            raise BrokenPromiseError(f"{else_said} within {seconds:g} s; it is {reading!r}")
        time.sleep(0.2)
    return time.monotonic() - started


@contextmanager
def rig(*, large: bool = False) -> Iterator[Rig]:
    """Make the machine, or find it; it stays for the next one. large: another machine, with the large library."""
    name = NAME + "-large" * large
    container = machine.up(name, images.ensure_image("machine", print))["container"]
    lock = ROOT / ".lab" / f"{container}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        # A campaign in the background and a test must not break the same mount at the same time.
        fcntl.flock(handle, fcntl.LOCK_EX)
        rig = Rig(name, container, large)
        rig.heal()
        docker.run("cp", str(ROOT / "soak/mount_look.py"), f"{container}:{LOOK}")
        if not rig.sh("docker ps --all --quiet --filter name=plex"):
            provision(container, of_large() if large else {})
            # Everything is known from here on, so that a census can only fall.
            rig.scan()
            rig.end_of_scan()
        yield rig
