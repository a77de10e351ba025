"""A machine that shut itself down and was forgotten: it bills until somebody with credentials comes by."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from .conftest import CLOUD, docker
from .rented import Rented
from .rented_role import Role

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

REAP = """---
- name: Reap
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Reap
      ansible.builtin.include_role: {name: scaleway_instance, tasks_from: reap}
"""


def running_meters(run_id: str) -> list[str]:
    with urllib.request.urlopen(f"{CLOUD}/_lab/bill", timeout=10) as answer:
        lines = json.load(answer)["lines"]
    return sorted(line["kind"] for line in lines if line["run"] == run_id and line["running"])


def test_what_shut_itself_down_bills_on_until_it_is_reaped(tmp_path: Path) -> None:
    role = Role(tmp_path)
    tags = ["plex-burst", f"plex-burst-run={role.run_id}", "plex-burst-expires=2026-01-01T00:00:00Z"]
    forgotten = Rented(role.name, tmp_path, tags=tags)
    try:
        forgotten.wait_until_running()
        docker("exec", forgotten.container, "systemctl", "poweroff")
        forgotten.wait_until("stopped in place", 300)
        assert running_meters(role.run_id) == ["ip", "server", "volume"]
        looking = {"scaleway_instance_reap_grace": 0, "scaleway_instance_zones": ["fr-par-1"]}
        role.done(REAP, **looking, scaleway_instance_reap_dry_run=True)
        assert forgotten.read()["tags"] == tags, "a dry run changes nothing"
        role.done(REAP, **looking)
        assert forgotten.read()["state"] == "stopped in place", "the first call only marks it"
        role.done(REAP, **looking)
        assert role.left() == []
        assert running_meters(role.run_id) == []
    finally:
        forgotten.give_back()
