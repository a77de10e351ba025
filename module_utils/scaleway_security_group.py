# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The run's own security group: nothing comes in but SSH, and that only from where it was asked for."""

from __future__ import annotations

import ipaddress
from typing import Any

from .scaleway_client import Client
from .scaleway_errors import AmbiguousError, refuse
from .scaleway_judgement import Identity


def network(source: str) -> str:
    """An address or network in one spelling; the API drops /32."""
    try:
        return str(ipaddress.ip_network(source, strict=False))
    except ValueError:
        raise refuse(
            f'"{source}" is no network; scaleway_instance_ssh_from takes networks such as 203.0.113.7/32.'
        ) from None


def ensure_security_group(
    client: Client, identity: Identity, tags: tuple[str, ...], ssh_from: tuple[str, ...], check: bool
) -> tuple[str | None, bool]:
    """The group's id (None in a check that would make it) and whether anything had to change."""
    path = f"/instance/v1/zones/{identity.zone}/security_groups"
    wanted = {network(source) for source in ssh_from}
    group = _ours(client, path, identity)
    if group is None and check:
        return None, True
    created = group is None
    if group is None:
        group = _create(client, path, identity, tags)
    return str(group["id"]), _ensure_rules(client, f"{path}/{group['id']}/rules", wanted, check) or created


def _ours(client: Client, path: str, identity: Identity) -> dict[str, Any] | None:
    groups = client.list_all(path, "security_groups", {"project": identity.project})
    return next((group for group in groups if identity.owns(group)), None)


def _create(client: Client, path: str, identity: Identity, tags: tuple[str, ...]) -> dict[str, Any]:
    body = {
        "name": identity.name,
        "project": identity.project,
        "tags": list(tags),
        "stateful": True,
        "inbound_default_policy": "drop",
        "outbound_default_policy": "accept",
    }
    try:
        return dict(client.call("POST", path, body).body["security_group"])
    except AmbiguousError:
        group = _ours(client, path, identity)
        if group is None:
            raise
        return group


def _ensure_rules(client: Client, path: str, wanted: set[str], check: bool) -> bool:
    """Open what is missing before closing what is too much, so that SSH never has a gap."""
    inbound = [
        rule
        for rule in client.list_all(path, "rules", {})
        if rule.get("direction") == "inbound" and rule.get("editable", True)
    ]
    right = {network(rule["ip_range"]): rule["id"] for rule in inbound if _is_ssh(rule)}
    missing = sorted(wanted - set(right))
    surplus = [rule["id"] for rule in inbound if rule["id"] not in [right.get(source) for source in wanted]]
    if not check:
        for source in missing:
            rule = {"protocol": "TCP", "direction": "inbound", "action": "accept", "ip_range": source}
            client.call("POST", path, {**rule, "dest_port_from": 22, "position": 1})
        for rule_id in surplus:
            client.call("DELETE", f"{path}/{rule_id}", missing_ok=True)
    return bool(missing or surplus)


def _is_ssh(rule: dict[str, Any]) -> bool:
    accepts = rule.get("action") == "accept" and str(rule.get("protocol")).upper() == "TCP"
    return accepts and rule.get("dest_port_from") == 22 and rule.get("dest_port_to") in (None, 22)
