"""How long it takes from the order to a machine that is ready, and from giving back to proof; our own time apart.

`python -m bench.renting` with the lab up. Where the seconds go is told by the stand-in's log (order, running, gone) and
by the machine (cloud-init done); what is left is ours: before the order, between the end of cloud-init and the armed
switch, before the call that terminates, and the proof. The provider's share is the stand-in's, not Scaleway's: only
ours says something about a real run. Other work on this computer stretches all of it but the processor time, which is
that of ansible-playbook and its children.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.control import settings
from module_utils import ledger

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results/renting.json"
ROUNDS = 3
PLAY = """---
- name: Play
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Play
      ansible.builtin.include_role: {name: scaleway_instance, tasks_from: ENTRY}
"""
INVENTORY = """---
all:
  hosts:
    localhost: {ansible_connection: local, ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


def played(directory: Path, entry: str, variables: dict[str, Any]) -> tuple[float, float, float]:
    """When one entry point began and ended, and its processor seconds."""
    for name, text in (("play.yml", PLAY.replace("ENTRY", entry)), ("inventory.yml", INVENTORY)):
        (directory / name).write_text(text)
    (directory / "variables.json").write_text(json.dumps(variables))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    subprocess.run(
        [
            *("ansible-playbook", "-i", str(directory / "inventory.yml"), str(directory / "play.yml")),
            *("-e", f"@{directory / 'variables.json'}"),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        check=True,
        capture_output=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return began, time.time(), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cloud_init_done(server_id: str) -> float:
    """When the last stage of cloud-init ended on the machine."""
    command = ["docker", "exec", f"{settings.PREFIX}-srv-{server_id}", "cat", "/run/cloud-init/status.json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["v1"]
    return max(float(stage["finished"]) for stage in told.values() if isinstance(stage, dict) and stage["finished"])


def provider_said(server_id: str) -> dict[str, float]:
    """When the stand-in took the order, had the machine running, was told to terminate it, and had it gone."""
    moments: dict[str, float] = {}
    for line in map(json.loads, (settings.LOGS / "scwsim.jsonl").read_text(encoding="utf-8").splitlines()):
        at = datetime.fromisoformat(line["at"]).timestamp()
        if line["event"] == "step" and line["server"] == server_id:
            moments[line["step"]] = at
        elif line["event"] == "request" and line["method"] == "POST" and line["path"].endswith("/servers"):
            # The last order before the machine ran.
            moments |= {} if "run" in moments else {"order": at}
        elif line.get("path", "").endswith(f"{server_id}/action") and "terminate" in line["body"]:
            moments["terminate"] = at
    return moments


def one_round() -> dict[str, float]:
    """Rent, rent again (nothing to do), give back; seconds by what they were spent on."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        run_id = ledger.new_run_id(datetime.now(UTC), os.urandom(2).hex())
        run_dir = ledger.create(directory / "runs", run_id)
        variables = {
            "scaleway_instance_api_url": f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}",
            "scaleway_instance_api_token": settings.CLOUD_TOKEN,
            "scaleway_instance_project": settings.CLOUD_PROJECT,
            "scaleway_instance_run_id": run_id,
            "scaleway_instance_run_dir": str(run_dir),
            "scaleway_instance_type": "DEV1-S",
            "scaleway_instance_poll": 2,
        }
        began, ready, renting = played(directory, "main", variables)
        server_id = ledger.read(run_dir)["machine"]["server_id"]
        prepared = cloud_init_done(server_id)
        again_began, again_ended, again = played(directory, "main", variables)
        back_began, proven, giving_back = played(directory, "teardown", variables)
    moments = provider_said(server_id)
    return {
        "ours: before the order": moments["order"] - began,
        "provider: order to running": moments["run"] - moments["order"],
        "machine: running to cloud-init done": prepared - moments["run"],
        "ours: cloud-init done to logged in and switch armed": ready - prepared,
        "order to ready, all of it": ready - began,
        "nothing to do, all of it": again_ended - again_began,
        "ours: giving back, before the call": moments["terminate"] - back_began,
        "provider: terminate to gone": moments["destroy"] - moments["terminate"],
        "ours: gone to proof": proven - moments["destroy"],
        "giving back to proof, all of it": proven - back_began,
        "processor: order to ready": renting,
        "processor: nothing to do": again,
        "processor: giving back to proof": giving_back,
    }


def main() -> None:
    """Print and keep the medians of some rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    rounds = [one_round() for _ in range(parser.parse_args().rounds)]
    result = {
        "bench": "renting",
        "seconds": {what: round(statistics.median(one[what] for one in rounds), 1) for what in rounds[0]},
        "rounds": len(rounds),
        "resolution": "the stand-in's log has whole seconds",
        "load": round(os.getloadavg()[0], 1),
        "machine": f"{os.cpu_count()} cores shared, {platform.machine()}, Python {platform.python_version()}",
        "when": ledger.utc_text(datetime.now(UTC)),
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
