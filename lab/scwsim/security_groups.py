"""Security groups and their rules; what they let in is enforced in the machines (guest_network)."""

from __future__ import annotations

from typing import Any

from .errors import not_found, still_in_use
from .routing import Request, Response, has_tags, owner, page_of, route
from .simulator import Simulator, new_id
from .store import Record

DEFAULT_NAME = "Default security group"


def default_group(simulator: Simulator, zone: str, project: str) -> Record:
    """The project's default group, made when it is first needed."""
    for group in simulator.store.records("security_groups", zone):
        if group["project_default"] and group["project"] == project:
            return group
    return _add(simulator, zone, project, {"name": DEFAULT_NAME, "project_default": True})


def _add(simulator: Simulator, zone: str, project: str, body: dict[str, Any]) -> Record:
    now = simulator.now()
    return simulator.store.add(
        "security_groups",
        {
            "id": new_id(),
            "zone": zone,
            "project": project,
            "name": str(body.get("name", "")),
            "description": str(body.get("description", "")),
            "tags": list(body.get("tags") or []),
            "stateful": bool(body.get("stateful", True)),
            "inbound_default_policy": body.get("inbound_default_policy", "accept"),
            "outbound_default_policy": body.get("outbound_default_policy", "accept"),
            "enable_default_security": bool(body.get("enable_default_security", True)),
            "project_default": bool(body.get("project_default", False)),
            "creation_date": now,
            "modification_date": now,
            "rules": [],
        },
    )


def _servers(simulator: Simulator, group: Record) -> list[dict[str, str]]:
    return [
        {"id": server["id"], "name": server["name"]}
        for server in simulator.store.records("servers", group["zone"])
        if server["security_group"] == group["id"]
    ]


def _view(simulator: Simulator, group: Record) -> dict[str, Any]:
    view = {key: value for key, value in group.items() if key not in {"rules", "serial"}}
    return view | {
        "organization": group["project"],
        "organization_default": group["project_default"],
        "servers": _servers(simulator, group),
        "state": "available",
    }


def _find(simulator: Simulator, request: Request) -> Record:
    group = simulator.store.find("security_groups", request.zone, request.id)
    if group is None:
        raise not_found("instance_security_group", request.id)
    return group


def _list(simulator: Simulator, request: Request) -> Response:
    views = [
        _view(simulator, group)
        for group in simulator.store.records("security_groups", request.zone)
        if request.argument("project") in {"", group["project"]}
        and request.shows(group)
        and request.argument("name") in group["name"]
        and has_tags(group, request)
    ]
    return page_of(request, "security_groups", views)


def _create(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    group = _add(simulator, request.zone, owner(request, body), body)
    return Response(201, {"security_group": _view(simulator, group)})


def _get(simulator: Simulator, request: Request) -> Response:
    return Response(200, {"security_group": _view(simulator, _find(simulator, request))})


def _patch(simulator: Simulator, request: Request) -> Response:
    group = _find(simulator, request)
    body = request.json()
    changeable = ("name", "description", "tags", "stateful", "inbound_default_policy")
    group.update({key: body[key] for key in (*changeable, "outbound_default_policy") if key in body})
    group["modification_date"] = simulator.now()
    return Response(200, {"security_group": _view(simulator, group)})


def _delete(simulator: Simulator, request: Request) -> Response:
    group = _find(simulator, request)
    if _servers(simulator, group):
        raise still_in_use("the security group is used by a server")
    simulator.store.remove("security_groups", group["id"])
    return Response(204)


def _list_rules(simulator: Simulator, request: Request) -> Response:
    return page_of(request, "rules", _find(simulator, request)["rules"])


def _create_rule(simulator: Simulator, request: Request) -> Response:
    group = _find(simulator, request)
    body = request.json()
    rule = {
        "id": new_id(),
        "protocol": body.get("protocol", "TCP"),
        "direction": body.get("direction", "inbound"),
        "action": body.get("action", "accept"),
        "ip_range": body.get("ip_range", "0.0.0.0/0"),
        "dest_ip_range": None,
        "dest_port_from": body.get("dest_port_from"),
        "dest_port_to": body.get("dest_port_to"),
        "position": len(group["rules"]) + 1,
        "editable": True,
        "zone": group["zone"],
    }
    group["rules"].append(rule)
    return Response(201, {"rule": rule})


def _delete_rule(simulator: Simulator, request: Request) -> Response:
    group = _find(simulator, request)
    rule_id = request.parameters["rule"]
    kept = [rule for rule in group["rules"] if rule["id"] != rule_id]
    if len(kept) == len(group["rules"]):
        raise not_found("instance_security_group_rule", rule_id)
    group["rules"] = kept
    return Response(204)


_GROUPS = "/instance/v1/zones/{zone}/security_groups"
ROUTES = (
    route("GET", _GROUPS, _list),
    route("POST", _GROUPS, _create),
    route("GET", f"{_GROUPS}/{{id}}", _get),
    route("PATCH", f"{_GROUPS}/{{id}}", _patch),
    route("DELETE", f"{_GROUPS}/{{id}}", _delete),
    route("GET", f"{_GROUPS}/{{id}}/rules", _list_rules),
    route("POST", f"{_GROUPS}/{{id}}/rules", _create_rule),
    route("DELETE", f"{_GROUPS}/{{id}}/rules/{{rule}}", _delete_rule),
)
