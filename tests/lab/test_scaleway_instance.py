"""Role scaleway_instance against the lab: rent, log in with pinned keys, give back, prove; and what it refuses."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.control import settings
from module_utils import ledger
from tests.canaries import holders_in, watched_argv

from .conftest import CLOUD
from .rented import call
from .rented_role import GIVE_BACK, RENT, Role

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

USE = """---
- name: Join
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Join
      ansible.builtin.include_role: {name: scaleway_instance, tasks_from: join}
- name: Use
  hosts: target
  gather_facts: false
  tasks:
    - name: Look
      ansible.builtin.command: {argv: [sh, -c, "cat /etc/fuse.conf; systemctl is-active plex-burst-switch.timer"]}
      register: looked
      changed_when: false
    - name: Require
      ansible.builtin.assert:
        that: looked.stdout_lines == ["user_allow_other", "active"]
    - name: Look at the key of the switch
      ansible.builtin.stat: {path: /etc/plex-burst/switch.json}
      register: armed
    - name: Look whether it has run, and what it knows of signs of life
      ansible.builtin.slurp: {src: /var/lib/plex-burst/switch-state.json}
      register: state
      until: state is success
      retries: 20
      delay: 1
    - name: Require that root alone reads the key, and that we were heard of
      ansible.builtin.assert:
        that:
          - armed.stat.mode == "0600" and armed.stat.pw_name == "root"
          - (state.content | b64decode | from_json).tries == 0
          - (state.content | b64decode | from_json).beat > 0
"""


@pytest.fixture
def role(tmp_path: Path) -> Iterator[Role]:
    made = Role(tmp_path)
    yield made
    made.play(GIVE_BACK)
    assert made.left() == []


def inbound_of(group_id: str) -> list[dict[str, Any]]:
    """The rules of the run's security group that we made."""
    url = f"{CLOUD}/instance/v1/zones/fr-par-1/security_groups/{group_id}/rules"
    request = urllib.request.Request(url, headers={"X-Auth-Token": settings.CLOUD_TOKEN})
    with urllib.request.urlopen(request, timeout=10) as answer:
        rules: list[dict[str, Any]] = json.load(answer)["rules"]
    return [rule for rule in rules if rule["direction"] == "inbound" and rule.get("editable", True)]


def user_data_of(server_id: str) -> Any:
    """What the API still tells of the user-data."""
    url = f"{CLOUD}/instance/v1/zones/fr-par-1/servers/{server_id}/user_data"
    request = urllib.request.Request(url, headers={"X-Auth-Token": settings.CLOUD_TOKEN})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_rent_use_and_give_back(role: Role) -> None:
    with watched_argv(settings.CLOUD_TOKEN) as seen:
        printed = role.done(RENT)
    # The test itself hands the token over in a file, as no owner has to.
    assert seen == []
    assert settings.CLOUD_TOKEN not in printed
    (role.directory / "variables.json").unlink()
    assert holders_in(role.directory, [settings.CLOUD_TOKEN]) == []
    machine = ledger.read(role.run_dir)["machine"]
    assert len(role.left()) == 5, "a server, its volume, its security group, and of its key application and policy"
    assert user_data_of(machine["server_id"]) == {"user_data": []}
    (rule,) = inbound_of(machine["security_group_id"])
    assert [rule["ip_range"].removesuffix("/32")] == machine["ssh_from"] != ["0.0.0.0/0"]
    keys = role.run_dir / "ssh"
    for path in (role.run_dir, keys, keys / "id_ed25519", keys / "host_ed25519"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert "changed=0" in role.done(RENT)
    role.done(USE)

    pinned = (keys / "known_hosts").read_text()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / "rogue")], check=True)
    (keys / "known_hosts").write_text(f"{role.name} {(keys / 'rogue.pub').read_text()}")
    # The open connection has proven itself; a new one has to.
    subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath=~/.ansible/cp/{role.name}", "x"], check=True)
    refused = role.play(USE)
    assert refused.returncode != 0
    assert "Host key verification failed" in refused.stdout
    (keys / "known_hosts").write_text(pinned)
    (keys / "rogue").unlink()

    assert "3 known resources answer 404" in " ".join(role.done(GIVE_BACK).split())
    assert role.left() == []
    assert not ledger.may_be_running(ledger.read(role.run_dir))
    assert [path.name for path in sorted(keys.iterdir()) if path.suffix != ".pub"] == ["known_hosts"]
    assert "changed=0" in role.done(GIVE_BACK)


def test_failure_brings_the_log_and_what_was_rented_goes_without_a_ledger(role: Role) -> None:
    options = {"scaleway_instance_packages": ["no-such-package"], "scaleway_instance_volume_type": "sbs_volume"}
    failed = role.play(RENT, **options)
    assert failed.returncode != 0
    assert "cloud-init did not prepare the machine" in failed.stdout
    assert "Unable to locate package no-such-package" in failed.stdout
    assert len(role.left()) == 3
    (role.run_dir / "ledger.json").unlink()
    role.done(GIVE_BACK)
    assert role.left() == []


def test_refusal_is_a_sentence_and_leaves_nothing_to_give_back(role: Role) -> None:
    refused = role.play(RENT, scaleway_instance_type="GP9-S")
    assert refused.returncode != 0
    assert 'no server type "GP9-S"' in " ".join(refused.stdout.split())
    assert "Traceback" not in refused.stdout
    assert role.left() == []
    assert list((role.run_dir / "ssh").glob("*25519"))
    role.done(GIVE_BACK)
    assert not list((role.run_dir / "ssh").glob("*25519"))
    assert "changed=0" in role.done(GIVE_BACK)


def test_another_machine_at_the_address_is_sent_nothing(role: Role) -> None:
    fault = f"{CLOUD}/_lab/faults/wrong_host_key"
    assert call("PUT", fault, {"on": True, "server": role.name, "count": 1})[0] == 200
    refused = role.play(RENT)
    assert refused.returncode != 0
    assert "its host key is not the one of this run, so nothing is sent to it" in " ".join(refused.stdout.split())
    assert "Arm the dead-man switch" not in refused.stdout
