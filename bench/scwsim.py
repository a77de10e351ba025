"""Start time, memory and speed of the Scaleway stand-in on paper, beside Python's own bare web server.

python -m bench.scwsim [--lives N] [--save]

The baseline answers files and knows nothing: what it needs is Python's and the sockets' share.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TOKEN = "11111111-1111-4111-8111-111111111111"
PROJECT = "22222222-2222-4222-8222-222222222222"
ZONE = "/instance/v1/zones/fr-par-1"
RESULT = Path(__file__).with_name("results") / "scwsim.json"
ACCOUNT = {
    "SCWSIM_TOKEN": TOKEN,
    "SCWSIM_ACCESS_KEY": "SCWLABXXXXXXXXXXXXXX",
    "SCWSIM_PROJECT": PROJECT,
    "SCWSIM_LOG": os.devnull,
    "SCWSIM_TIME_FACTOR": "0",
}


class Program:
    """A server as a process of its own; `started` is wall time to its first answer, in seconds."""

    def __init__(self, command: Sequence[str], port: int, environment: dict[str, str]) -> None:
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *command], env={**os.environ, **environment}, stderr=subprocess.DEVNULL
        )
        self.url = f"http://127.0.0.1:{port}"
        while not self._answers():
            time.sleep(0.002)
        self.started = time.monotonic() - began

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

    def megabytes(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def processor(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-Auth-Token": TOKEN}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            error.close()
            return error.code

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def live(program: Program) -> None:
    """One life of a server, as a run sees it: six calls."""
    body: dict[str, Any] = {"name": "bench", "commercial_type": "DEV1-S", "image": "ubuntu_noble", "project": PROJECT}
    body["volumes"] = {"0": {"volume_type": "l_ssd", "size": 20_000_000_000}}
    path = f"{ZONE}/servers/{program.call('POST', f'{ZONE}/servers', body)['server']['id']}"
    program.call("PATCH", f"{path}/user_data/cloud-init", "#cloud-config")
    program.call("POST", f"{path}/action", {"action": "poweron"})
    assert program.call("GET", path)["server"]["state"] == "running"
    program.call("POST", f"{path}/action", {"action": "terminate"})
    assert program.call("GET", path) == 404


def measured(program: Program) -> dict[str, float]:
    """What the start took: seconds of wall time and of processor time, megabytes."""
    return {
        "start_seconds": round(program.started, 3),
        "start_processor_seconds": round(program.processor(), 3),
        "memory_megabytes": round(program.megabytes(), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lives", type=int, default=200)
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args()
    baseline = Program(["-m", "http.server", "--bind", "127.0.0.1", "18091"], 18091, {})
    stand_in = Program(["-m", "lab.scwsim"], 18092, {**ACCOUNT, "SCWSIM_PORT": "18092"})
    result: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, shared",
        "http.server": measured(baseline),
        "scwsim": measured(stand_in),
    }
    baseline.end()
    before, began = stand_in.processor(), time.monotonic()
    for _ in range(options.lives):
        live(stand_in)
    result["lives"] = {
        "count": options.lives,
        "seconds_each": round((time.monotonic() - began) / options.lives, 4),
        "processor_seconds_each": round((stand_in.processor() - before) / options.lives, 4),
        "memory_megabytes_after": round(stand_in.megabytes(), 1),
    }
    stand_in.end()
    print(json.dumps(result, indent=1))
    if options.save:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(f"{json.dumps(result, indent=1)}\n")


if __name__ == "__main__":
    main()
