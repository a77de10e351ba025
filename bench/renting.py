"""How long it takes from the order to a machine that is ready, and from giving back to proof; our own time apart.

`python -m bench.renting` with the lab up. The provider's share is what the stand-in's machine takes to boot and to
vanish; ours is the processor time of ansible-playbook and its children. The machine is shared: compare processor time.
"""

from __future__ import annotations

import json
import os
import platform
import resource
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


def played(directory: Path, entry: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Seconds and processor seconds of one entry point."""
    for name, text in (("play.yml", PLAY.replace("ENTRY", entry)), ("inventory.yml", INVENTORY)):
        (directory / name).write_text(text)
    (directory / "variables.json").write_text(json.dumps(variables))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
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
    ours = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": round(time.monotonic() - began, 1), "processor_seconds": round(ours, 1)}


def main() -> None:
    """Rent, rent again (nothing to do), give back; print and keep the figures."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        run_id = ledger.new_run_id(datetime.now(UTC), os.urandom(2).hex())
        variables = {
            "scaleway_instance_api_url": f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}",
            "scaleway_instance_api_token": settings.CLOUD_TOKEN,
            "scaleway_instance_project": settings.CLOUD_PROJECT,
            "scaleway_instance_run_id": run_id,
            "scaleway_instance_run_dir": str(ledger.create(directory / "runs", run_id)),
            "scaleway_instance_type": "DEV1-S",
            "scaleway_instance_poll": 2,
        }
        result: dict[str, Any] = {
            "order to cloud-init done and switch armed": played(directory, "main", variables),
            "the same again, nothing to do": played(directory, "main", variables),
            "giving back to proof": played(directory, "teardown", variables),
        }
    result["machine"] = f"{os.cpu_count()} cores shared, load {os.getloadavg()[0]:.0f}, {platform.machine()}"
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
