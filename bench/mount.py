"""Listing, tags, whole tracks and memory of the mount, against the predecessor's flags and s3fs, in the same run.

Needs the lab (script/lab up). Each way mounts the same bucket cold, on a machine of the lab, through a proxy that
answers 15 ms late and counts requests and bytes. On a shared machine counts say more than seconds.

python -m bench.mount [--tracks N] [--mebibytes N] [--objects N] [--save]
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.table import save
from lab.control import docker, images, machine, settings
from module_utils.reading_flags import flags, share
from soak.mount_rig import wait

BUCKET = "bench"
LATENCY = 0.015
GOALS = {"list": ("seconds", 0.05), "tags": ("bytes", 0.05), "whole": ("seconds", 0.8), "slow": ("memory", 0.2)}
# The predecessor's, as its decisions and scripts have them.
PREDECESSOR = (
    "--allow-other --vfs-cache-mode full --vfs-cache-max-size 20G --vfs-cache-max-age 72h --vfs-read-ahead 512M "
    "--vfs-read-chunk-size 128M --vfs-read-chunk-size-limit 1G --buffer-size 512M --transfers 32 --checkers 64 "
    "--timeout 60m --contimeout 300s --low-level-retries 10 --retries 10 --retries-sleep 30s --dir-cache-time 24h "
    "--attr-timeout 8760h --poll-interval 1m --s3-no-head --no-checksum --uid 1000 --gid 1000"
)
OURS = (
    "--read-only --allow-other --vfs-cache-mode off --vfs-read-chunk-size {chunk} --vfs-read-chunk-size-limit {limit} "
    "--buffer-size {buffer} --dir-cache-time 1000h --attr-timeout 1000h --poll-interval 0 --disable ListR "
    "--checkers 64 --transfers 32 --timeout 30s --contimeout 10s --low-level-retries 10 --uid 1000 --gid 1000"
)
# What is done on the machine: the work's name and the mounted tree; a line of JSON comes back.
WORK = r"""
import concurrent.futures, json, os, sys, time
what, root = sys.argv[1:]
def found(folder):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(os.path.join(root, folder)) for f in names)
def tags(path):
    with open(path, "rb", buffering=0) as f:
        size = os.fstat(f.fileno()).st_size
        for at in (0, size - 65536, 65536):
            f.seek(at); f.read(65536)
def whole(path):
    with open(path, "rb", buffering=0) as f:
        while f.read(1 << 20): pass
def slow(path):
    end = time.monotonic() + 8
    with open(path, "rb", buffering=0) as f:
        while time.monotonic() < end and f.read(65536): time.sleep(0.065)
readers = {"tags": (16, tags), "whole": (8, whole), "slow": (64, slow)}
names = found("tracks") if what in readers else []
started = time.monotonic()
if what == "list":
    sum(os.stat(path).st_mtime for path in found("small"))
else:
    count, read = readers[what]
    with concurrent.futures.ThreadPoolExecutor(count) as pool: list(pool.map(read, names))
print(json.dumps({"seconds": round(time.monotonic() - started, 2)}))
"""


@dataclass(frozen=True)
class Bench:
    """The machine, the proxy, and where rclone's program is."""

    container: str
    proxy: int
    admin: int

    def sh(self, command: str, timeout: float = 600) -> str:
        """Run a command on the machine; subprocess.CalledProcessError when it fails."""
        return docker.run("exec", self.container, "bash", "-c", command, timeout=timeout).strip()

    def counts(self, method: str = "GET") -> dict[str, int]:
        """Read or forget what has passed through the proxy."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}/_lab/counts", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))

    def one(self, way: str, what: str, mount: str, prepare: str = "") -> dict[str, Any]:
        """Mount cold, do the work, unmount; seconds, requests, bytes, rclone's memory and processor time."""
        self.sh("mkdir -p /bench/mnt; rm -rf /bench/cache; sync")
        self.counts("DELETE")
        self.sh(mount)
        try:
            self.sh("for _ in $(seq 100); do mountpoint -q /bench/mnt && exit; sleep 0.1; done; exit 1")
            started = time.monotonic()
            self.sh(prepare or "true")
            before = time.monotonic() - started
            found = json.loads(self.sh(f"python3 /bench/work.py {what} /bench/mnt").splitlines()[-1])
            found["seconds"] = round(found["seconds"] + before, 2)
            process = self.sh("cat /proc/$(pgrep -xo 'rclone|s3fs')/stat /proc/$(pgrep -xo 'rclone|s3fs')/status")
            fields = process.splitlines()[0].rpartition(")")[2].split()
            peak = next(line.split()[1] for line in process.splitlines() if line.startswith("VmHWM"))
        finally:
            self.sh("umount --lazy /bench/mnt; pkill -x rclone; pkill -x s3fs; sleep 1")
        counts = self.counts()
        return {
            "way": way,
            "work": what,
            **found,
            "processor": (int(fields[11]) + int(fields[12])) / 100,
            "memory": int(peak) // 1024,
            "bytes": counts.get("bytes", 0),
            "requests": counts.get("GET", 0) + counts.get("HEAD", 0),
            "heads": counts.get("HEAD", 0),
        }


@contextmanager
def bench() -> Iterator[Bench]:
    """Make the machine and the proxy; both go again."""
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
        yield Bench(container, *ports)
    finally:
        machine.down("bench")
        proxy.terminate()
        proxy.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fill(tracks: int, mebibytes: int, objects: int) -> None:
    """Put the tree into the bucket, straight into S3; tracks of noise, because zeros could be stored as nothing."""
    rclone = str(Path(sys.executable).with_name("rclone"))
    remote = (
        f":s3,provider=Other,access_key_id={settings.S3_ADMIN[0]},secret_access_key={settings.S3_ADMIN[1]},"
        f"endpoint='http://{settings.S3_ADDRESS}:{settings.S3_PORT}':{BUCKET}"
    )
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        for number in range(objects):
            path = Path(place, "small", f"{number // 20:04}", f"{number}.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x", encoding="utf-8")
        for number in range(tracks):
            path = Path(place, "tracks", f"{number // 10:02}", f"{number}.flac")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(mebibytes << 20))
        subprocess.run([rclone, "sync", place, remote, "--transfers", "16", "--config", ""], check=True, timeout=900)


def ways(found: Bench) -> dict[str, tuple[str, str]]:
    """How each way mounts, and what it does before the work, which counts."""
    endpoint = f"http://{settings.GATEWAY}:{found.proxy}"
    docker.run("cp", str(Path(sys.executable).with_name("rclone")), f"{found.container}:/bench/")
    key, secret = settings.S3_READER
    found.sh(
        f"printf '[b]\\ntype=s3\\nprovider=Other\\nendpoint={endpoint}\\naccess_key_id={key}\\n"
        f"secret_access_key={secret}\\n' > /bench/conf; echo {key}:{secret} > /bench/passwd; chmod 600 /bench/passwd"
    )
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    chosen = flags(share(total), 64, 100_000, "both")
    ours = OURS.format(chunk=chosen.chunk, limit=chosen.chunk_limit, buffer=chosen.buffer)
    base = f"/bench/rclone mount b:{BUCKET} /bench/mnt --config /bench/conf --cache-dir /bench/cache --daemon"
    rc = "--rc --rc-addr unix:///bench/rc.sock --rc-no-auth"
    fresh = "curl -s --unix-socket /bench/rc.sock -X POST 'http://x/vfs/refresh?recursive=true' >/dev/null"
    found.sh("rm -f /bench/rc.sock")
    made = {
        "predecessor": (f"{base} {PREDECESSOR}", ""),
        "ours, metadata": (f"rm -f /bench/rc.sock; {base} {ours} {rc}", f"{fresh}; {TIMES}"),
        "ours, server times": (f"rm -f /bench/rc.sock; {base} {ours} {rc} --use-server-modtime", fresh),
    }
    install = "(apt-get update -qq && apt-get install -y -qq s3fs) >/dev/null 2>&1"
    if found.sh(f"command -v s3fs || {install}; command -v s3fs || true"):
        options = f"url={endpoint},use_path_request_style,passwd_file=/bench/passwd,ro,allow_other"
        made["s3fs"] = (f"s3fs {BUCKET} /bench/mnt -o {options}", "")
    return made


TIMES = "PYTHONPATH=/bench python3 -m plex_burst_guard.mount_times /bench/mnt /bench/times.json"


def main() -> None:
    """Measure every way at every work and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=480)
    parser.add_argument("--mebibytes", type=int, default=30)
    parser.add_argument("--objects", type=int, default=50_000)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    fill(asked.tracks, asked.mebibytes, asked.objects)
    rows: list[dict[str, Any]] = []
    with bench() as found:
        found.sh("mkdir -p /bench/plex_burst_guard")
        for name in ("__init__.py", "files.py", "mount_times.py"):
            docker.run("cp", str(settings.ROOT / "module_utils" / name), f"{found.container}:/bench/plex_burst_guard/")
        with tempfile.NamedTemporaryFile("w", suffix=".py") as work:
            work.write(WORK)
            work.flush()
            docker.run("cp", work.name, f"{found.container}:/bench/work.py")
        for way, (mount, prepare) in ways(found).items():
            for what in GOALS:
                rows.append(found.one(way, what, mount, prepare if what == "list" else ""))
                print(json.dumps(rows[-1]), flush=True)
    facts = {"tracks": asked.tracks, "mebibytes": asked.mebibytes, "objects": asked.objects, "latency": LATENCY}
    first = {row["work"]: row for row in rows if row["way"] == "predecessor"}
    for row in rows:
        what, goal = GOALS[row["work"]]
        row["ratio"] = round(row[what] / max(first[row["work"]][what], 0.001), 4)
        print(f"{row['way']:20} {row['work']:6} {what} ratio {row['ratio']:8.3f} (goal {goal})")
    if asked.save:
        save(
            {
                "bench": "mount",
                "when": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "machine": f"{os.cpu_count()} cores, {platform.machine()}",
                "load": os.getloadavg()[0],
                "rows": rows,
                "goals": {what: {"of": of, "ratio": ratio} for what, (of, ratio) in GOALS.items()},
                "facts": facts,
            }
        )


if __name__ == "__main__":
    main()
