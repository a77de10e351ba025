"""IP addresses: flexible ones that are reserved, dynamic ones that live with a running server."""

from __future__ import annotations

import ipaddress
from typing import Any

from .errors import invalid_request, not_found
from .routing import Request, Response, has_tags, owner, page_of, route
from .simulator import Simulator, new_id
from .store import Record


def _quarter(simulator: Simulator, number: int) -> list[str]:
    """The lab's network in quarters: services, dynamic addresses, flexible ones, and what Docker itself gives out."""
    quarters = list(ipaddress.IPv4Network(simulator.driver.options.subnet).subnets(prefixlen_diff=2))
    return [str(host) for host in quarters[number].hosts()]


def dynamic_range(simulator: Simulator) -> list[str]:
    """What running servers get, in order."""
    return _quarter(simulator, 1)


def flexible_range(simulator: Simulator) -> list[str]:
    """What can be reserved, in order."""
    return _quarter(simulator, 2)


def add_address(
    simulator: Simulator, zone: str, project: str, address: str, *, dynamic: bool, kind: str = "routed_ipv4"
) -> Record:
    """Remember a new address that belongs to no server."""
    return simulator.store.add(
        "ips",
        {
            "id": new_id(),
            "zone": zone,
            "project": project,
            "address": address,
            "dynamic": dynamic,
            "type": kind,
            "server": None,
            "reverse": None,
            "tags": [],
            "ipam_id": new_id(),
        },
    )


def addresses_of(simulator: Simulator, server: Record) -> list[Record]:
    """The addresses of a server, oldest first."""
    return [ip for ip in reversed(simulator.store.records("ips")) if ip["server"] == server["id"]]


def public_view(address: Record) -> dict[str, Any]:
    """The address as a server shows it."""
    return {
        "id": address["id"],
        "address": address["address"],
        "dynamic": address["dynamic"],
        "gateway": "62.210.0.1",
        "netmask": "32",
        "family": "inet",
        "provisioning_mode": "dhcp",
        "tags": address["tags"],
        "state": "attached",
        "ipam_id": address["ipam_id"],
    }


def address_view(simulator: Simulator, address: Record) -> dict[str, Any]:
    """The address as the list of IPs shows it."""
    server = simulator.store.find("servers", address["zone"], address["server"] or "")
    shown = ("id", "address", "reverse", "project", "zone", "type", "tags", "ipam_id")
    view: dict[str, Any] = {key: address[key] for key in shown}
    return view | {
        "prefix": None,
        "organization": address["project"],
        "server": {"id": server["id"], "name": server["name"]} if server else None,
        "state": "attached" if server else "detached",
    }


def attach(simulator: Simulator, address: Record, server: Record) -> None:
    """Give a flexible address to a server; its machine takes it when it is made, or within a second if it runs."""
    address["server"] = server["id"]
    server["modification_date"] = simulator.now()


def settle_dynamic(simulator: Simulator, server: Record) -> None:
    """Give a running server its dynamic address, or take it away, as `dynamic_ip_required` says now."""
    attached = addresses_of(simulator, server)
    if not server["dynamic_ip_required"]:
        for address in attached:
            if address["dynamic"]:
                simulator.store.remove("ips", address["id"])
    elif server["state"] == "running" and not attached:
        address = add_address(simulator, server["zone"], server["project"], server["machine_address"], dynamic=True)
        address["server"] = server["id"]


def _find(simulator: Simulator, request: Request) -> Record:
    address = simulator.store.find("ips", request.zone, request.id)
    if address is None:
        raise not_found("instance_ip", request.id)
    return address


def _server(simulator: Simulator, zone: str, reference: str) -> Record:
    server = simulator.store.find("servers", zone, reference)
    if server is None:
        raise not_found("instance_server", reference)
    return server


def _list(simulator: Simulator, request: Request) -> Response:
    views = [
        address_view(simulator, address)
        for address in simulator.store.records("ips", request.zone)
        if not address["dynamic"]
        and request.shows(address)
        and request.argument("project") in {"", address["project"]}
        and has_tags(address, request)
    ]
    return page_of(request, "ips", views)


def _create(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    server = _server(simulator, request.zone, str(body["server"])) if body.get("server") else None
    taken = {address["address"] for address in simulator.store.records("ips")}
    free = next((host for host in flexible_range(simulator) if host not in taken), None)
    if free is None:
        raise invalid_request("the lab has no flexible address left")
    address = add_address(simulator, request.zone, owner(request, body), free, dynamic=False)
    address["tags"] = list(body.get("tags") or [])
    if server:
        attach(simulator, address, server)
    return Response(201, {"ip": address_view(simulator, address)})


def _get(simulator: Simulator, request: Request) -> Response:
    return Response(200, {"ip": address_view(simulator, _find(simulator, request))})


def _patch(simulator: Simulator, request: Request) -> Response:
    address = _find(simulator, request)
    body = request.json()
    address.update({key: body[key] for key in ("tags", "reverse") if key in body})
    if "server" in body:
        address["server"] = None
        if body["server"]:
            attach(simulator, address, _server(simulator, request.zone, str(body["server"])))
    return Response(200, {"ip": address_view(simulator, address)})


def _delete(simulator: Simulator, request: Request) -> Response:
    address = _find(simulator, request)
    server = simulator.store.find("servers", address["zone"], address["server"] or "")
    if server:
        # Its machine has to let go of what is no address of anybody any more.
        server.setdefault("former_addresses", []).append(address["address"])
    simulator.store.remove("ips", address["id"])
    return Response(204)


_IPS = "/instance/v1/zones/{zone}/ips"
ROUTES = (
    route("GET", _IPS, _list),
    route("POST", _IPS, _create),
    route("GET", f"{_IPS}/{{id}}", _get),
    route("PATCH", f"{_IPS}/{{id}}", _patch),
    route("DELETE", f"{_IPS}/{{id}}", _delete),
)
