"""community.general's Scaleway modules, unmodified, against the stand-in: they know only https://api.scaleway.com."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from lab.scwsim.in_process import LocalCloud, serving

from .scaleway_proxy import Proxy, proxied

pytestmark = pytest.mark.lab

MODULES = "ansible_collections.community.general.plugins.modules"


class Modules:
    """Calls a module as Ansible does, through the proxy."""

    def __init__(self, cloud: LocalCloud, proxy: Proxy, capsys: pytest.CaptureFixture[str]) -> None:
        self.cloud = cloud
        self.proxy = proxy
        self.capsys = capsys

    def call(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        module = importlib.import_module(f"{MODULES}.scaleway_{name}")
        options = {"api_token": self.cloud.token, "region": "par1", **arguments}
        self.capsys.readouterr()
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(self.capsys.readouterr().out.strip().splitlines()[-1])
        return result

    def done(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        result = self.call(name, **arguments)
        assert not result.get("failed"), result
        return result


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Modules]:
    with serving() as cloud, proxied(cloud.url, tmp_path) as (proxy, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Modules(cloud, proxy, capsys)
        assert proxy.tunnels > 0


def image(modules: Modules, kind: str = "instance_local") -> str:
    found = modules.cloud.simulator.catalogue.images("fr-par-1", "ubuntu_jammy", kind)
    return next(entry.id for entry in found if entry.arch == "x86_64")


def server(modules: Modules, state: str, name: str = "job-1", **more: Any) -> dict[str, Any]:
    options = {"image": image(modules), "commercial_type": "DEV1-S", "project": modules.cloud.project, **more}
    return modules.done("compute", name=name, state=state, wait=state == "absent", **options)


def test_compute_makes_starts_stops_and_leaves_the_volume_behind(modules: Modules) -> None:
    made = server(modules, "present", tags=["x"])
    assert made["changed"] is True
    assert (made["msg"]["state"], made["msg"]["volumes"]["0"]["volume_type"]) == ("stopped", "l_ssd")
    assert server(modules, "present", tags=["x"])["changed"] is False
    # It tells the server as it was before it booted.
    assert server(modules, "running", tags=["x"], public_ip="dynamic")["msg"]["public_ip"] is None
    shown = modules.done("server_info")["scaleway_server_info"]
    assert [(one["name"], one["state"], one["public_ip"]["dynamic"]) for one in shown] == [("job-1", "running", True)]
    # Without `public_ip` it takes the dynamic address away again.
    server(modules, "stopped", tags=["x"])
    assert modules.done("server_info")["scaleway_server_info"][0]["dynamic_ip_required"] is False
    server(modules, "absent")
    assert modules.cloud.left() == {"volumes": 1}
    (volume,) = modules.done("volume_info")["scaleway_volume_info"]
    assert (volume["id"], volume["server"]) == (made["msg"]["volumes"]["0"]["id"], None)


def test_compute_takes_the_wrong_server_as_with_the_real_api(modules: Modules) -> None:
    for name in ("job-1", "job-10"):
        server(modules, "present", name=name)
    server(modules, "absent", name="job-1")
    names = [one["name"] for one in modules.done("server_info")["scaleway_server_info"]]
    assert names == ["job-1"]


def test_compute_wants_the_id_of_an_image(modules: Modules) -> None:
    refused = modules.call(
        "compute",
        name="job",
        state="present",
        image="ubuntu_jammy",
        commercial_type="DEV1-S",
        project=modules.cloud.project,
    )
    assert refused["failed"] is True


def test_user_data_is_kept_as_text(modules: Modules) -> None:
    identifier = server(modules, "present")["msg"]["id"]
    done = modules.done("user_data", server_id=identifier, user_data={"cloud-init": "#cloud-config\n"})
    assert done["changed"] is True
    stored = modules.cloud.simulator.store.records("servers")[0]["user_data"]
    assert stored == {"cloud-init": "#cloud-config\n"}


def test_addresses(modules: Modules) -> None:
    made = modules.done("ip", organization=modules.cloud.project, state="present")["scaleway_ip"]
    (shown,) = modules.done("ip_info")["scaleway_ip_info"]
    assert (shown["id"], shown["address"], shown["server"]) == (made["id"], made["address"], None)
    assert modules.done("ip", organization=modules.cloud.project, id=made["id"], state="absent")["changed"] is True
    assert modules.cloud.left() == {}


def test_volumes(modules: Modules) -> None:
    wish = {"name": "v", "project": modules.cloud.project, "size": 10_000_000_000, "volume_type": "l_ssd"}
    assert modules.done("volume", state="present", **wish)["changed"] is True
    assert modules.done("volume", state="present", **wish)["changed"] is False
    assert modules.done("volume", state="absent", **wish)["changed"] is True
    assert modules.cloud.left() == {}


def test_security_groups_and_rules(modules: Modules) -> None:
    wish = {
        "name": "ssh",
        "organization": modules.cloud.project,
        "stateful": True,
        "inbound_default_policy": "drop",
        "outbound_default_policy": "accept",
    }
    group = modules.done("security_group", state="present", **wish)["scaleway_security_group"]
    assert modules.done("security_group", state="present", **wish)["changed"] is False
    names = [one["name"] for one in modules.done("security_group_info")["scaleway_security_group_info"]]
    assert names == ["ssh"]
    rule = {
        "protocol": "TCP",
        "port": 22,
        "ip_range": "0.0.0.0/0",
        "direction": "inbound",
        "action": "accept",
        "security_group": group["id"],
    }
    assert modules.done("security_group_rule", state="present", **rule)["changed"] is True
    assert modules.done("security_group_rule", state="present", **rule)["changed"] is False
    assert modules.done("security_group_rule", state="absent", **rule)["changed"] is True
    assert modules.done("security_group", state="absent", **wish)["changed"] is True
    assert modules.cloud.left() == {}


def test_images_are_listed(modules: Modules) -> None:
    images = modules.done("image_info")["scaleway_image_info"]
    assert image(modules) in {one["id"] for one in images}


def test_a_429_and_a_wrong_token_are_failures(modules: Modules) -> None:
    modules.cloud.fault("too_many_requests", count=1)
    # The module looks for a message in the body, which is empty.
    with pytest.raises(json.JSONDecodeError):
        modules.call("ip_info")
    assert "401" in modules.call("ip_info", api_token="no token")["msg"]


def test_the_inventory_plugin_finds_the_running_server(modules: Modules, tmp_path: Path) -> None:
    for name in ("job-1", "job-2"):
        server(modules, "present", name=name, tags=["run_1"])
    server(modules, "running", name="job-2", tags=["run_1"], public_ip="dynamic")
    source = tmp_path / "job.scaleway.yml"
    source.write_text(f"plugin: community.general.scaleway\nregions: [par1]\noauth_token: {modules.cloud.token}\n")
    command = [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(source), "--list"]
    environment = {**os.environ, "ANSIBLE_INVENTORY_ENABLED": "community.general.scaleway"}
    printed = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    inventory = json.loads(printed.stdout)
    address = modules.cloud.simulator.store.records("ips")[0]["address"]
    assert inventory["run_1"]["hosts"] == [address]
