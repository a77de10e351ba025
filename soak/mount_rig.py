"""A machine whose mount can be made sick: S3 behind the misbehaving proxy, the guard, Plex with a library to lose.

Needs the lab (script/lab up). The machine is made once and shared by all cases of a campaign and by the tests of
faults; `Rig.reset` brings it back to health between two cases.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import subprocess
import sys
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

ROOT = Path(__file__).resolve().parents[1]
NAME = "mount"
TARGET = "/srv/plex-burst/mnt/library"
CACHE = "/var/cache/plex-burst"
GUARD = "/srv/plex-burst/guard"
PROXY = f"http://{settings.S3_FAULT_NAME}:{settings.S3_PORT}"
ADMIN = f"http://{settings.S3_FAULT_ADDRESS}:{settings.S3_FAULT_ADMIN_PORT}"
LOOK = "/usr/local/lib/mount_look.py"


@dataclass
class Rig:
    """The machine and the proxy."""

    container: str

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
        return windows(self.look(since=since)["events"])

    def look(self, *words: str, since: float = 9e9) -> dict[str, Any]:
        """Look at everything at once, see mount_look."""
        return dict(json.loads(self.sh(f"python3 {LOOK} {since} {' '.join(words)}") or "{}"))

    def plex(self, method: str, path: str) -> str:
        """Ask Plex on the machine, with its own token."""
        preferences = "/srv/plex-burst/config/Library/Application Support/Plex Media Server/Preferences.xml"
        token = f"$(grep -o 'PlexOnlineToken=\"[^\"]*' {shlex.quote(preferences)} | cut -d'\"' -f2)"
        address = shlex.quote(f"http://127.0.0.1:32400{path}")
        return self.sh(f'curl -s -m 5 -X {method} -H "X-Plex-Token: {token}" {address}')

    def busy(self) -> bool:
        """Whether a scan is under way, or Plex does not say."""
        found = self.look()
        return bool(found["scanners"] or found["refreshing"])

    def scan(self) -> None:
        """Begin a scan of everything and wait until the scanner is at work."""

        def began() -> bool:
            self.plex("GET", "/library/sections/all/refresh?force=1")
            until = time.monotonic() + 3
            while not (found := self.look()["scanners"]) and time.monotonic() < until:
                continue
            return bool(found)

        # A server that was started anew takes no orders for some seconds.
        wait(began, True, 60, "the scan did not begin")

    def census(self) -> dict[str, list[int]]:
        """Count what could be lost."""
        return dict(self.look("census")["census"])

    def reads(self) -> bool:
        """Whether the container can read media bytes now."""
        inside = 'f=$(find /media/library -type f | shuf -n1) && [ -n "$f" ] && head -c 4096 "$f" | wc -c'
        code = f"timeout 5 docker exec plex bash -c {shlex.quote(inside)}"
        return self.sh(code, timeout=20) == "4096"

    def start_plex(self) -> None:
        """Start Plex again when Docker or the machine was restarted, as the stage `plex` of a run does."""
        if self.sh("docker inspect --format '{{.State.Running}}' plex") != "true":
            wait(lambda: "plex" in self.sh("docker start plex"), True, 60, "Plex could not be started again")

    def reboot(self) -> None:
        """Restart the machine."""
        docker.run("restart", "--time", "20", self.container, timeout=90)
        machine.up(NAME, images.ensure_image("machine", print))
        wait(lambda: self.sh("docker info --format ok"), "ok", 60, "Docker did not come up after the reboot")

    def ready(self) -> None:
        """Have everything healthy; what is so already is left as it is, so that a campaign loses no time."""
        self.heal()
        # systemd counts starts, and a campaign has more of them than a run.
        small = self.sh(
            f"systemctl reset-failed plex-burst-mount plex-burst-guard; mountpoint --quiet {GUARD} && echo yes"
        )
        found = self.look()
        if small or found["guard"]["state"] != "healthy" or found["scanners"] or found["refreshing"]:
            self.reset()

    def reset(self) -> None:
        """Make everything healthy again, with a guard that remembers nothing."""
        self.heal()
        self.sh(f"while mountpoint --quiet {GUARD}; do umount {GUARD}; done")
        self.sh("systemctl reset-failed plex-burst-mount plex-burst-guard; systemctl start plex-burst-mount")
        self.start_plex()
        self.sh(f"rm -f {GUARD}/events.jsonl {GUARD}/status.json {GUARD}/given_up.json")
        self.sh("systemctl restart plex-burst-guard")
        self.settle()

    def settle(self) -> None:
        """Wait until the guard finds the mount healthy, which a repair takes some time to be, and no scan is left."""
        wait(lambda: self.status()["state"], "healthy", 150, "the guard did not find the mount healthy")
        wait(self.busy, False, 120, "a scan did not end")


def wait(read: Callable[[], Any], wanted: Any, seconds: float, else_said: str) -> float:
    """Poll until the reading is as wanted; how long it took. BrokenPromiseError with the sentence otherwise."""
    started = time.monotonic()
    while (reading := read()) != wanted:
        if time.monotonic() - started > seconds:
            raise BrokenPromiseError(f"{else_said} within {seconds:g} s; it is {reading!r}")
        time.sleep(0.2)
    return time.monotonic() - started


@contextmanager
def rig(*, cached: bool = False) -> Iterator[Rig]:
    """Make the machine, or find it; it stays for the next one. cached: another machine, with a disk cache at CACHE."""
    name = f"{NAME}-cached" if cached else NAME
    container = machine.up(name, images.ensure_image("machine", print))["container"]
    lock = ROOT / ".lab" / f"{container}.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as handle:
        # A campaign in the background and a test must not break the same mount at the same time.
        fcntl.flock(handle, fcntl.LOCK_EX)
        rig = Rig(container)
        rig.heal()
        docker.run("cp", str(ROOT / "soak/mount_look.py"), f"{container}:{LOOK}")
        if not rig.sh("docker ps --all --quiet --filter name=plex"):
            if cached:
                rig.sh(f"mkdir -p {CACHE}; mountpoint --quiet {CACHE} || mount -t tmpfs -o size=20G cache {CACHE}")
            _provision(container, CACHE if cached else "")
            # Everything is known from here on, so that a census can only fall.
            rig.scan()
            wait(rig.busy, False, 120, "the first scan did not end")
        yield rig


def _provision(container: str, cache: str) -> None:
    run_dir = ROOT / ".lab" / "molecule"
    run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings_of_rig = {"ansible_host": container, "burst_s3_endpoint": PROXY, "burst_cache_dir": cache}
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("ansible-playbook")), "-i", "inventories/molecule.yml"),
            *("-e", json.dumps(settings_of_rig), "soak/mount_rig.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "MOLECULE_PROJECT_DIRECTORY": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    if done.returncode:
        raise BrokenPromiseError(f"the machine could not be prepared: {done.stdout[-3000:]}{done.stderr[-500:]}")
