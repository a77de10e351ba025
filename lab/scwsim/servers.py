"""Servers: list, read, change, delete, and their user-data."""

from __future__ import annotations

from .addresses import addresses_of, settle_dynamic
from .errors import invalid_request, locked, not_found, still_in_use
from .faults import active
from .routing import Request, Response, has_tags, page_of, route
from .server_creation import create_server
from .server_view import is_locked, server_view, volumes_of
from .simulator import Simulator, machine_name
from .store import Record
from .volumes import detach


def find_server(simulator: Simulator, request: Request) -> Record:
    """The server that the path names."""
    server = simulator.store.find("servers", request.zone, request.id)
    if server is None or is_hidden(simulator, server):
        raise not_found("instance_server", request.id)
    return server


def is_hidden(simulator: Simulator, server: Record) -> bool:
    """Whether the API does not know the server yet."""
    fault = active(simulator, "eventual_consistency", server=server["name"])
    return fault is not None and simulator.seconds() < server["created"] + float(fault["seconds"])


def _list(simulator: Simulator, request: Request) -> Response:
    project = request.argument("project") or request.argument("organization")
    views = [
        server_view(simulator, server)
        for server in simulator.store.records("servers", request.zone)
        # `server1` finds `server100` as well: the real filter is a substring.
        if request.argument("name") in server["name"]
        and request.shows(server)
        and not is_hidden(simulator, server)
        and project in {"", server["project"]}
        and request.argument("state") in {"", server["state"]}
        and request.argument("commercial_type") in {"", server["commercial_type"]}
        and has_tags(server, request)
    ]
    return page_of(request, "servers", views)


def _get(simulator: Simulator, request: Request) -> Response:
    return Response(200, {"server": server_view(simulator, find_server(simulator, request))})


def _patch(simulator: Simulator, request: Request) -> Response:
    server = find_server(simulator, request)
    body = request.json()
    for key in ("name", "tags", "protected", "dynamic_ip_required", "boot_type"):
        if body.get(key) is not None:
            server[key] = body[key]
    if body.get("security_group"):
        group = body["security_group"]
        identifier = str(group["id"] if isinstance(group, dict) else group)
        if simulator.store.find("security_groups", request.zone, identifier) is None:
            raise not_found("instance_security_group", identifier)
        server["security_group"] = identifier
    settle_dynamic(simulator, server)
    server["modification_date"] = simulator.now()
    return Response(200, {"server": server_view(simulator, server)})


def forget_server(simulator: Simulator, server: Record) -> None:
    """The server is gone: dynamic addresses go with it, everything that is left becomes free."""
    for address in addresses_of(simulator, server):
        if address["dynamic"]:
            simulator.store.remove("ips", address["id"])
        else:
            address["server"] = None
    for volume in volumes_of(simulator, server):
        detach(simulator, volume)
    simulator.store.remove("servers", server["id"])


def _delete(simulator: Simulator, request: Request) -> Response:
    server = find_server(simulator, request)
    if is_locked(simulator, server):
        raise locked("instance_server", server["id"])
    if server["protected"]:
        raise still_in_use("the server is protected")
    if server["state"] != "stopped":
        raise invalid_request("server should be stopped")
    if server["machine_address"]:
        simulator.driver.destroy(machine_name(simulator, server))
    forget_server(simulator, server)
    return Response(204)


def _list_user_data(simulator: Simulator, request: Request) -> Response:
    return Response(200, {"user_data": sorted(find_server(simulator, request)["user_data"])})


def _get_user_data(simulator: Simulator, request: Request) -> Response:
    key = request.parameters["key"]
    stored = find_server(simulator, request)["user_data"]
    if key not in stored:
        raise not_found("instance_user_data", key)
    return Response(200, str(stored[key]))


def _set_user_data(simulator: Simulator, request: Request) -> Response:
    server = find_server(simulator, request)
    server["user_data"][request.parameters["key"]] = request.body.decode()
    # Empty, but of the type of what was sent.
    return Response(204, "")


def _delete_user_data(simulator: Simulator, request: Request) -> Response:
    server = find_server(simulator, request)
    key = request.parameters["key"]
    if key not in server["user_data"]:
        raise not_found("instance_user_data", key)
    del server["user_data"][key]
    return Response(204)


_SERVERS = "/instance/v1/zones/{zone}/servers"
_USER_DATA = f"{_SERVERS}/{{id}}/user_data"
ROUTES = (
    route("GET", _SERVERS, _list),
    route("POST", _SERVERS, create_server),
    route("GET", f"{_SERVERS}/{{id}}", _get),
    route("PATCH", f"{_SERVERS}/{{id}}", _patch),
    route("DELETE", f"{_SERVERS}/{{id}}", _delete),
    route("GET", _USER_DATA, _list_user_data),
    route("GET", f"{_USER_DATA}/{{key}}", _get_user_data),
    route("PATCH", f"{_USER_DATA}/{{key}}", _set_user_data),
    route("DELETE", f"{_USER_DATA}/{{key}}", _delete_user_data),
)
