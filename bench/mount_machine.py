"""The machine of bench.mount, the proxy before S3 that is late and counts, and the bucket."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.mount_ways import BUCKET, WORK, Way, configuration, ways
from lab.control import docker, images, machine, rclone, settings
from lab.control.errors import LabError
from soak.mount_rig import wait

LATENCY = 0.015
# Seconds for one work, and for each object that is listed: the baseline asks for them one after the other.
LONGEST, LONGEST_OBJECT = 240.0, 0.04
# Tracks that are made; the others are copies.
DISTINCT = 24
# One for each slow reader, and so long that nobody has read one ahead to its end when the time is over.
LONG, LONG_MEBIBYTES = 64, 96


@dataclass(frozen=True)
class Bench:
    """The machine, the ports of the proxy, and how many seconds a work may take."""

    container: str
    proxy: int
    admin: int
    longest: float

    def sh(self, command: str, timeout: float = 600) -> str:
        """Run a command on the machine; subprocess.CalledProcessError when it fails."""
        return docker.run("exec", self.container, "bash", "-c", command, timeout=timeout).strip()

    def counts(self, method: str = "GET") -> dict[str, int]:
        """Read or forget what has passed through the proxy."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}/_lab/counts", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    def warm(self, what: str) -> None:
        """Have S3 keep in its memory what slow readers will ask for, so that its disk does not slow the quick ones."""
        if what == "slow":
            read = [*rclone.program(), "cat", f"{REMOTE}/long", "--transfers", "4"]
            subprocess.run(read, check=True, timeout=600, stdout=subprocess.DEVNULL)

    def one(self, name: str, way: Way, what: str) -> dict[str, Any]:
        """Mount cold, do the work, unmount; seconds, requests, bytes, memory and processor time of the mount."""
        self.sh("mkdir -p /bench/mnt; rm -rf /bench/cache; sync")
        self.counts("DELETE")
        row: dict[str, Any] = {"way": name, "work": what}
        started = time.monotonic()
        try:
            if way.mount:
                row |= self._mounted(way, what)
            else:
                self.sh(way.instead[what], self.longest)
                row |= {"seconds": round(time.monotonic() - started, 2)}
        except (LabError, ValueError, IndexError, StopIteration) as error:
            return row | {"failed": str(error) or type(error).__name__, "seconds": round(time.monotonic() - started, 2)}
        finally:
            self.sh("umount --lazy /bench/mnt; pkill -x python3; pkill -x rclone; pkill -x s3fs; sleep 1")
        counts = self.counts()
        requests = counts.get("GET", 0) + counts.get("HEAD", 0)
        return row | {"bytes": counts.get("bytes", 0), "requests": requests, "heads": counts.get("HEAD", 0)}

    def _mounted(self, way: Way, what: str) -> dict[str, Any]:
        self.sh(way.mount)
        self.sh("for _ in $(seq 100); do mountpoint -q /bench/mnt && exit; sleep 0.1; done; exit 1")
        started = time.monotonic()
        if what == "list" and way.list_before:
            self.sh(way.list_before, self.longest)
        before = time.monotonic() - started
        found = json.loads(self.sh(f"python3 /bench/work.py {what} /bench/mnt", self.longest).splitlines()[-1])
        process = self.sh("cat /proc/$(pgrep -xo 'rclone|s3fs')/stat /proc/$(pgrep -xo 'rclone|s3fs')/status")
        fields = process.splitlines()[0].rpartition(")")[2].split()
        peak = next(line.split()[1] for line in process.splitlines() if line.startswith("VmHWM"))
        return {
            "seconds": round(found["seconds"] + before, 2),
            "processor": (int(fields[11]) + int(fields[12])) / 100,
            "memory": int(peak) // 1024,
        }


@contextmanager
def bench(objects: int) -> Iterator[Bench]:
    """Make the machine and the proxy for a bucket with so many small objects; both go again."""
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    proxy = subprocess.Popen(
        [
            *(sys.executable, "-m", "lab.s3fault", "--listen", f"0.0.0.0:{ports[0]}"),
            *("--to", f"{settings.S3_ADDRESS}:{settings.S3_PORT}", "--admin", f"127.0.0.1:{ports[1]}"),
        ],
    )
    try:
        container = machine.up("bench", images.ensure_image("machine", print))["container"]
        wait(lambda: proxy.poll() is None and _listens(ports[1]), True, 30, "the proxy did not start")
        body = json.dumps({"on": True, "seconds": LATENCY}).encode()
        address = f"http://127.0.0.1:{ports[1]}/_lab/faults/s3_latency"
        urllib.request.urlopen(urllib.request.Request(address, data=body, method="PUT"), timeout=10).close()
        yield Bench(container, ports[0], ports[1], max(LONGEST, objects * LONGEST_OBJECT))
    finally:
        machine.down("bench")
        proxy.terminate()
        proxy.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


REMOTE = rclone.remote(BUCKET)


def fill(tracks: int, mebibytes: int, objects: int, works: Collection[str]) -> None:
    """Put the tree into the bucket, straight into S3; tracks of noise, because zeros could be stored as nothing.

    Where readers that are slow are among the works, there are LONG files of LONG_MEBIBYTES each for them.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        for number in range(objects):
            path = Path(place, "small", f"{number // 20:04}", f"{number}.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", encoding="utf-8")
        _noise(Path(place, "tracks"), tracks, mebibytes)
        _noise(Path(place, "long"), LONG if "slow" in works else 0, LONG_MEBIBYTES)
        subprocess.run([*rclone.program(), "sync", place, REMOTE, "--transfers", "16"], check=True, timeout=600)


def _noise(place: Path, count: int, mebibytes: int) -> None:
    for number in range(count):
        path = place / f"{number // 10:02}" / f"{number}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < DISTINCT:
            path.write_bytes(os.urandom(mebibytes << 20))
        else:
            # The same noise under another name: S3 stores it again, this disk does not.
            model = number % DISTINCT
            path.hardlink_to(place / f"{model // 10:02}" / f"{model}.flac")


def prepare(found: Bench) -> dict[str, Way]:
    """Bring to the machine what it needs; every way that can be had there."""
    found.sh("mkdir -p /bench/plex_burst_guard")
    for name in ("__init__.py", "files.py", "mount_times.py"):
        docker.run("cp", str(settings.ROOT / "module_utils" / name), f"{found.container}:/bench/plex_burst_guard/")
    docker.run("cp", str(Path(sys.executable).with_name("rclone")), f"{found.container}:/bench/")
    with tempfile.NamedTemporaryFile("w", suffix=".py") as work:
        work.write(WORK)
        work.flush()
        docker.run("cp", work.name, f"{found.container}:/bench/work.py")
    endpoint = f"http://{settings.GATEWAY}:{found.proxy}"
    found.sh(configuration(endpoint))
    made = ways(endpoint, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20)
    install = "(timeout 120 apt-get update -qq && timeout 120 apt-get install -y -qq s3fs) >/dev/null 2>&1"
    # Nothing printed says that it is not there; a failed command would end the bench instead.
    if not found.sh(f"command -v s3fs || {install}; command -v s3fs || true"):
        print("s3fs cannot be had on the machine; it is left out", flush=True)
        del made["s3fs"]
    return made
