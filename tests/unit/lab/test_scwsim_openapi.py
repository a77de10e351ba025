"""Answers of the stand-in against the provider's OpenAPI file of the Instance API.

The real API does not keep to its file everywhere: it says null where the file knows no null. So what the recorded real
answers break, ours may break too, in the same place, and what is known to be null beside them; nothing else.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from .conftest import PROJECT, ZONE, Cloud

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "recorded"
# Of addresses, detached volumes and rules there is no whole recorded exchange; their nulls are in its transcripts.
KNOWN_NULLS = {"ip.prefix", "ip.server", "ip.reverse", "volume.server", "rule.dest_ip_range", "rule.dest_port_to"}
# Recorded as part of a server.
KNOWN_NULLS |= {"image.default_bootscript"}
PLACE = re.compile(r"\.\d+|(?<=servers\.)[A-Z0-9]+-[\w-]+")


@functools.cache
def specification() -> Any:
    path = RECORDED / "scaleway-instance-v1-openapi.yml"
    if not path.exists():
        pytest.skip("the provider's OpenAPI file is not on this machine (../shared/data/recorded)")
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader)


def operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in specification()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    return None


def deviations(method: str, path: str, body: Any) -> set[str]:
    """Where the body of a success is not as the file says: `place: rule`."""
    found = operation(method, path)
    assert found is not None, f"the file knows no {method} {path}"
    (answer,) = found["responses"].values()
    if "content" not in answer:
        return set() if not body else {"a body where the file has none"}
    if "application/json" not in answer["content"]:
        return set()
    schema = {**answer["content"]["application/json"]["schema"], "components": specification()["components"]}
    errors = OAS30Validator(schema).iter_errors(body)
    return {f"{place([*error.absolute_path])}: {error.validator}" for error in errors}


def place(path: list[Any]) -> str:
    return PLACE.sub("", ".".join(map(str, path)))


@functools.cache
def allowed() -> frozenset[str]:
    """What the real API was seen to break, by place."""
    # Skips the test where neither the file nor what was recorded is on this machine.
    specification()
    exchanges = [json.loads((RECORDED / f"scaleway-flow-{flow}.json").read_text()) for flow in ("sbs", "lssd")]
    found: set[str] = set()
    for exchange in [*exchanges[0], *exchanges[1]]:
        path = exchange["url"].removeprefix("https://api.scaleway.com").partition("?")[0]
        if path.startswith("/instance/v1/") and exchange["status"] < 300:
            found |= deviations(exchange["method"], path, exchange["response_body"])
    return frozenset(found)


def send(cloud: Cloud, method: str, path: str, body: Any = None) -> Any:
    status, answered, _ = cloud.call(method, path, body)
    assert status < 300, answered
    known = allowed() | {f"{null}: type" for null in KNOWN_NULLS}
    in_lists = {re.sub(r"^(\w+)\.", r"\1s.", found) for found in known}
    assert deviations(method, path.partition("?")[0], answered) - known - in_lists == set(), f"{method} {path}"
    return answered


def test_servers_and_all_that_belongs_to_them_are_as_the_file_says(cloud: Cloud) -> None:
    specification()
    address = send(cloud, "POST", f"{ZONE}/ips", {"project": PROJECT, "type": "routed_ipv4"})["ip"]
    body = {"name": "a", "commercial_type": "DEV1-S", "image": "ubuntu_noble", "tags": ["x"]}
    local = {"0": {"volume_type": "l_ssd", "size": 10_000_000_000}}
    send(cloud, "POST", f"{ZONE}/servers", {**body, "volumes": local, "public_ips": [address["id"]]})
    server = send(cloud, "POST", f"{ZONE}/servers", body)["server"]
    path = f"{ZONE}/servers/{server['id']}"
    send(cloud, "PATCH", f"{path}/user_data/cloud-init", "#cloud-config")
    send(cloud, "GET", f"{path}/user_data")
    send(cloud, "PATCH", path, {"name": "b", "tags": ["y"]})
    for action, state in (("poweron", "running"), ("stop_in_place", "stopped in place"), ("terminate", "")):
        send(cloud, "GET", f"{path}/action")
        send(cloud, "POST", f"{path}/action", {"action": action})
        send(cloud, "GET", path)
        cloud.pass_time(1)
        cloud.pass_time(5)
        send(cloud, "GET", f"{ZONE}/servers")
        assert not state or send(cloud, "GET", path)["server"]["state"] == state
    send(cloud, "PATCH", f"{ZONE}/ips/{address['id']}", {"tags": ["z"]})
    send(cloud, "GET", f"{ZONE}/ips")
    send(cloud, "DELETE", f"{ZONE}/ips/{address['id']}")


def test_volumes_groups_and_the_offer_are_as_the_file_says(cloud: Cloud) -> None:
    body = {"name": "v", "project": PROJECT, "size": 10_000_000_000, "volume_type": "l_ssd"}
    volume = send(cloud, "POST", f"{ZONE}/volumes", body)["volume"]
    send(cloud, "PATCH", f"{ZONE}/volumes/{volume['id']}", {"name": "w"})
    send(cloud, "GET", f"{ZONE}/volumes")
    send(cloud, "DELETE", f"{ZONE}/volumes/{volume['id']}")
    wanted = {"name": "g", "project": PROJECT, "inbound_default_policy": "drop"}
    group = send(cloud, "POST", f"{ZONE}/security_groups", wanted)["security_group"]
    path = f"{ZONE}/security_groups/{group['id']}"
    rule = {
        "protocol": "TCP",
        "direction": "inbound",
        "action": "accept",
        "ip_range": "0.0.0.0/0",
        "dest_port_from": 22,
    }
    made = send(cloud, "POST", f"{path}/rules", rule)["rule"]
    send(cloud, "GET", f"{path}/rules")
    send(cloud, "DELETE", f"{path}/rules/{made['id']}")
    send(cloud, "PATCH", path, {"stateful": True})
    send(cloud, "GET", path)
    send(cloud, "GET", f"{ZONE}/security_groups")
    send(cloud, "DELETE", path)
    image = send(cloud, "GET", f"{ZONE}/images")["images"][0]
    send(cloud, "GET", f"{ZONE}/images/{image['id']}")
    send(cloud, "GET", f"{ZONE}/products/servers")
    send(cloud, "GET", f"{ZONE}/products/servers/availability")


def test_the_check_finds_what_is_wrong() -> None:
    specification()
    assert deviations("GET", f"{ZONE}/servers", {"servers": [{"id": 5}]}) == {"servers.id: type"}
    assert "servers.id: type" not in allowed()
