"""The role scaleway_instance on a run of its own, as tests play it."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lab.control import settings
from module_utils import ledger

from .conftest import CLOUD

ROOT = Path(__file__).parents[2]
INVENTORY = """---
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""
RENT = """---
- name: Rent
  hosts: localhost
  gather_facts: false
  roles: [scaleway_instance]
"""
GIVE_BACK = """---
- name: Give back
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Give back
      ansible.builtin.include_role: {name: scaleway_instance, tasks_from: teardown}
"""


class Role:
    """The role's entry points on one run."""

    def __init__(self, directory: Path) -> None:
        self.run_id = ledger.new_run_id(datetime.now(UTC), os.urandom(2).hex())
        self.run_dir = ledger.create(directory / "runs", self.run_id)
        self.directory = directory
        self.name = f"plex-burst-{self.run_id.lower()}"
        self.variables: dict[str, Any] = {}

    def play(self, text: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        playbook = self.directory / "play.yml"
        playbook.write_text(text)
        inventory = self.directory / "inventory.yml"
        inventory.write_text(INVENTORY)
        known = {
            "scaleway_instance_api_url": CLOUD,
            "scaleway_instance_api_token": settings.CLOUD_TOKEN,
            "scaleway_instance_project": settings.CLOUD_PROJECT,
            "scaleway_instance_run_id": self.run_id,
            "scaleway_instance_run_dir": str(self.run_dir),
            "scaleway_instance_type": "DEV1-S",
            "scaleway_instance_poll": 2,
        }
        extra = self.directory / "variables.json"
        extra.write_text(json.dumps({**known, **self.variables, **variables}))
        return subprocess.run(
            ["ansible-playbook", "-i", str(inventory), str(playbook), "-e", f"@{extra}"],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def done(self, text: str, **variables: Any) -> str:
        played = self.play(text, **variables)
        assert played.returncode == 0, played.stdout + played.stderr
        return played.stdout

    def left(self) -> list[str]:
        """What the cloud has of this run, of any kind."""
        with urllib.request.urlopen(f"{CLOUD}/_lab/state", timeout=10) as answer:
            state = json.load(answer)
        return [
            f"{kind} {row['id']}"
            for kind, rows in state.items()
            for row in rows
            if row.get("name") == self.name or any(self.run_id in tag for tag in row.get("tags") or [])
        ]
