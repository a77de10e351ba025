"""What a machine's network is told to be: its security group's inbound rules, and the way to the metadata."""

from __future__ import annotations

from typing import Any

import pytest

from lab.scwsim.guest_network import filter_table, script
from lab.scwsim.http_server import answer
from lab.scwsim.routing import Request

from .conftest import PROJECT, ZONE, Cloud

RULE = {
    "direction": "inbound",
    "action": "accept",
    "protocol": "TCP",
    "ip_range": "0.0.0.0/0",
    "dest_port_from": 22,
    "dest_port_to": None,
    "position": 1,
}


def group(*rules: dict[str, Any], policy: str = "drop", stateful: bool = True) -> dict[str, Any]:
    return {"inbound_default_policy": policy, "stateful": stateful, "rules": [{**RULE, **rule} for rule in rules]}


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (None, []),
        (group(policy="accept"), []),
        (group({"direction": "outbound"}, policy="accept"), []),
        (group(stateful=False), ["-j DROP"]),
        (group({}, stateful=False), ["-p tcp --dport 22:22 -j ACCEPT", "-j DROP"]),
        (group(), ["-m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-j DROP"]),
        (group({"ip_range": "::/0"}, stateful=False), ["-j DROP"]),
        (
            group(
                {"position": 2, "protocol": "UDP", "dest_port_from": 1, "dest_port_to": 9},
                {"position": 1, "protocol": "ANY", "ip_range": "10.0.0.5/8", "action": "drop"},
                policy="accept",
                stateful=False,
            ),
            ["-s 10.0.0.0/8 -j DROP", "-p udp --dport 1:9 -j ACCEPT", "-j ACCEPT"],
        ),
    ],
    ids=["none", "open", "outbound only", "closed", "ssh only", "stateful", "version 6", "in order"],
)
def test_the_lines_of_a_group(made: dict[str, Any] | None, lines: list[str]) -> None:
    table = filter_table(made)
    assert [line.removeprefix("-A SECURITY-GROUP ") for line in table if line.startswith("-A")] == lines
    assert ("drop" in str(made)) == any("PREROUTING -i eth0 -j" in line for line in script(made, "").split("\n")[2:])


def test_a_rule_that_comes_later_reaches_the_running_machine(cloud: Cloud) -> None:
    made = cloud.call("POST", f"{ZONE}/security_groups", {"name": "g", "inbound_default_policy": "drop"})[1]
    identifier = made["security_group"]["id"]
    server = cloud.running(security_group=identifier)
    name = f"plex-burst-lab-srv-{server['id']}"
    assert "-j DROP" in cloud.driver.scripts[name]
    assert "--dport" not in cloud.driver.scripts[name]
    cloud.call("POST", f"{ZONE}/security_groups/{identifier}/rules", {"protocol": "TCP", "dest_port_from": 22})
    cloud.pass_time(1)
    assert "--dport 22:22 -j ACCEPT" in cloud.driver.scripts[name]
    cloud.driver.scripts.clear()
    cloud.pass_time(1)
    assert cloud.driver.scripts == {}
    cloud.driver.exit(name, 129)
    cloud.pass_time(1)
    assert "-j DROP" in cloud.driver.scripts[name]


def metadata(cloud: Cloud, path: str, sender: str, port: int = 80) -> tuple[int, Any]:
    response = answer(cloud.simulator, Request("GET", path, sender=sender, sender_port=port), None)
    return response.status, response.body


def test_a_machine_reads_who_it_is(cloud: Cloud) -> None:
    server = cloud.running(tags=["AUTHORIZED_KEY=ssh-ed25519_AAAA"])
    address = server["public_ip"]["address"]
    cloud.call("PATCH", f"{ZONE}/servers/{server['id']}/user_data/cloud-init", "#cloud-config")
    status, conf = metadata(cloud, "/conf", address)
    assert (status, conf["id"], conf["hostname"], conf["project"]) == (200, server["id"], "job-1", PROJECT)
    assert conf["ssh_public_keys"] == [{"key": "ssh-ed25519 AAAA"}]
    assert conf["public_ips"][0]["address"] == address
    assert metadata(cloud, "/", address)[0] == 200
    assert metadata(cloud, "/user_data/cloud-init", address) == (200, "#cloud-config")
    assert metadata(cloud, "/user_data", address)[1] == {"user_data": ["cloud-init"]}
    assert metadata(cloud, "/user_data/cloud-init", address, port=1024)[0] == 403
    assert metadata(cloud, "/vendor_data/cloud-init", address)[0] == 404


def test_nobody_else_reads_it(cloud: Cloud) -> None:
    cloud.running()
    assert metadata(cloud, "/conf", "10.213.79.1")[0] == 404
    assert metadata(cloud, "/user_data/cloud-init", "10.213.79.1")[0] == 404
