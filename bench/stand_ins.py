"""Start time and memory of the stand-ins as plain processes, against the smallest HTTP server Python has.

python -m bench.stand_ins [--rounds N] [--save]

The Plex stand-in starts on a small library (five tracks) and on none; "ready" is a 200 on its health address. Memory is
the resident set of the process once it is ready. The machine may be shared: processor time is given beside the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.plexsim_process import ROOT, PlexProcess, free_port

RESULTS = Path(__file__).parent / "results" / "stand_ins.json"
_TICKS = os.sysconf("SC_CLK_TCK")


def measured(process: subprocess.Popen[bytes], begun: float) -> dict[str, float]:
    """Read what a process that is ready has taken."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{process.pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "seconds": time.monotonic() - begun,
        "processor_seconds": (int(fields[11]) + int(fields[12])) / _TICKS,
        "resident_mib": int(resident.split()[1]) / 1024,
    }


def until_ready(address: str) -> None:
    """Ask until the answer is a success."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise TimeoutError(address)


@contextmanager
def program(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run one to the end of the block."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


def bare(directory: Path) -> dict[str, float]:
    """The baseline: ``python -m http.server``."""
    port, begun = free_port(), time.monotonic()
    with program("-m", "http.server", str(port), "--directory", str(directory)) as process:
        until_ready(f"http://127.0.0.1:{port}/")
        return measured(process, begun)


def plextv(directory: Path) -> dict[str, float]:
    port, begun = free_port(), time.monotonic()
    with program("-m", "lab.plextv", PLEXTV_PORT=str(port), PLEXTV_STATE=str(directory)) as process:
        until_ready(f"http://127.0.0.1:{port}/_lab/health")
        return measured(process, begun)


def _plexsim(directory: Path, *, filled: bool) -> dict[str, float]:
    server = PlexProcess(directory, "", "claim-bench", {"PLEXSIM_START_SECONDS": "0.001"})
    if filled:
        server.fill()
    begun = time.monotonic()
    server.start()
    try:
        assert server.running is not None
        return measured(server.running, begun)
    finally:
        server.stop()


def plexsim(directory: Path) -> dict[str, float]:
    return _plexsim(directory, filled=True)


def plexsim_fresh(directory: Path) -> dict[str, float]:
    return _plexsim(directory, filled=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    options = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.rounds):
        for way in (bare, plextv, plexsim, plexsim_fresh):
            with tempfile.TemporaryDirectory() as directory:
                found.setdefault(way.__name__, []).append(way(Path(directory)))
    medians = {
        name: {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}
        for name, rounds in found.items()
    }
    for name, values in medians.items():
        print(f"{name:14} " + "  ".join(f"{key} {value:8.2f}" for key, value in values.items()))
    if options.save:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python"
        RESULTS.parent.mkdir(exist_ok=True)
        named = {"machine": f"{machine} {platform.python_version()}", "rounds": options.rounds, "median": medians}
        RESULTS.write_text(json.dumps(named, indent=1) + "\n")


if __name__ == "__main__":
    main()
