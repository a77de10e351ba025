"""What the media server stand-in costs with the full library: making it, starting on it, asking it, memory.

python -m bench.plexsim [--tracks N] [--save]

The goals are 120 s to make both databases and 500 MB of memory to serve them. Elapsed time depends on what else the
machine does; processor time and memory do not.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from lab.plexsim.plexsim.large_library import TRACKS
from lab.plexsim.plexsim.schema import DATABASES

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results" / "plexsim.json"
NAME = "plex-burst-bench-plexsim"
QUICK = {"START_SECONDS": "0", "MIGRATION_SECONDS": "0", "MIGRATION_SECONDS_PER_GB": "0", "TOKEN_DELAY": "0"}
# the peak of every process of ours
PEAKS = r"""
for entry in /proc/[0-9]*; do
  case "$(tr '\0' ' ' < $entry/cmdline 2>/dev/null)" in
    /usr/lib/plexmediaserver/*|*plexsim.init*) grep -h VmHWM $entry/status ;;
  esac
done
"""

MAKE = """
import json, resource, sys
from plexsim import large_library
large_library.main([sys.argv[1], "--tracks", sys.argv[2]])
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"make_processor_seconds": round(used.ru_utime + used.ru_stime, 1),
                  "make_memory": round(used.ru_maxrss / 1024)}))
"""


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def wait_for(what: Callable[[], bool]) -> float:
    """Seconds until something is so."""
    started = time.monotonic()
    while not what():
        time.sleep(0.1)
    return round(time.monotonic() - started, 1)


def memory() -> float:
    """Peaks of all processes together, in MB: more than they ever had at one time."""
    return round(sum(int(line.split()[1]) for line in docker("exec", NAME, "sh", "-c", PEAKS).splitlines()) / 1024)


class Client:
    """A client of the server in the container."""

    def __init__(self, home: Path) -> None:
        self.url = f"http://127.0.0.1:{docker('port', NAME, '32400/tcp').rpartition(':')[2]}"
        self.preferences = home / "Preferences.xml"

    def token(self) -> str:
        return ET.parse(self.preferences).getroot().get("PlexOnlineToken", "") if self.preferences.exists() else ""

    def ask(self, path: str, method: str = "GET", **headers: str) -> float:
        """Seconds for one answer; -1 when there is none."""
        started = time.monotonic()
        request = urllib.request.Request(
            self.url + path, method=method, headers={"X-Plex-Token": self.token(), **headers}
        )
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                answer.read()
        except (urllib.error.URLError, OSError):
            return -1
        return round(time.monotonic() - started, 2)


def measure(image: str, home: Path, tracks: int) -> dict[str, object]:
    databases = home / DATABASES
    databases.parent.mkdir(parents=True)
    subprocess.run(["chmod", "-R", "a+rwX", str(home)], check=True)
    started = time.monotonic()
    making = ["run", "--rm", "-v", f"{home}:/home", "--entrypoint", "python3", image, "-c", MAKE]
    used = json.loads(docker(*making, f"/home/{DATABASES}", str(tracks)))
    figures: dict[str, object] = {"make_seconds": round(time.monotonic() - started, 1), **used}
    figures["megabytes"] = round(sum(path.stat().st_size for path in databases.iterdir()) / 1e6)
    subprocess.run(["chown", "-R", "1000:1000", str(home)], check=True)
    settings = [part for name, value in QUICK.items() for part in ("-e", f"PLEXSIM_{name}={value}")]
    mount = f"{home}:/config/Library/Application Support/Plex Media Server"
    docker("run", "-d", "--name", NAME, "-p", "127.0.0.1::32400", "-v", mount, "-e", "PLEX_CLAIM=claim-bench",
           *settings, image)  # fmt: skip
    client = Client(home)
    figures["start_seconds"] = wait_for(lambda: client.ask("/identity") >= 0)
    wait_for(lambda: client.token() != "")
    figures["memory_started"] = memory()
    first = {"X-Plex-Container-Start": "0", "X-Plex-Container-Size": "100"}
    figures["page_seconds"] = client.ask("/library/sections/5/all?type=10", **first)
    figures["count_seconds"] = client.ask("/library/sections/5/all?type=10", **(first | {"X-Plex-Container-Size": "0"}))
    last = first | {"X-Plex-Container-Start": str(tracks - 100)}
    figures["last_page_seconds"] = client.ask("/library/sections/5/all?type=10", **last)
    figures["memory_asked"] = memory()
    client.ask("/butler/MusicAnalysis", "POST")
    wait_for(lambda: "Plex Music Analyzer" in docker("exec", NAME, "ps", "-eo", "args"))
    log = home / "Logs" / "Plex Media Scanner Analysis.log"
    figures["backlog_seconds"] = wait_for(lambda: log.exists() and "wait for music analysis" in log.read_text())
    figures["memory_analysing"] = memory()
    docker("stop", NAME)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    options = parser.parse_args()
    image = docker("build", "--quiet", str(ROOT / "lab" / "plexsim"))
    with tempfile.TemporaryDirectory() as place:
        try:
            figures = measure(image, Path(place) / "home", options.tracks)
        finally:
            subprocess.run(["docker", "rm", "--force", "--volumes", NAME], check=False, capture_output=True)
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "load": round(os.getloadavg()[0], 1)}
    result = {"tracks": options.tracks, **figures, "machine": machine}
    print(json.dumps(result, indent=1))
    if options.save:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
