"""The lab's own door, next to the API: see everything, forget everything."""

from __future__ import annotations

from .addresses import address_view
from .routing import Request, Response, route
from .security_groups import DEFAULT_NAME
from .server_view import server_view
from .simulator import Simulator, machine_name
from .volumes import LOCAL, block_view, local_view


def _health(_simulator: Simulator, _request: Request) -> Response:
    return Response(200, {"ok": True})


def _state(simulator: Simulator, _request: Request) -> Response:
    store = simulator.store
    volumes = [
        local_view(volume)
        if volume["volume_type"] == LOCAL
        else {**block_view(volume), "volume_type": volume["volume_type"]}
        for volume in store.records("volumes")
    ]
    ips = [{**address_view(simulator, ip), "dynamic": ip["dynamic"]} for ip in store.records("ips")]
    # Every project has a default group from the start: it is nobody's remains.
    groups = [
        {key: group[key] for key in ("id", "name", "zone", "project", "tags")}
        for group in store.records("security_groups")
        if group["name"] != DEFAULT_NAME
    ]
    servers = [
        server_view(simulator, server) | {"container": machine_name(simulator, server)}
        for server in store.records("servers")
    ]
    return Response(200, {"servers": servers, "volumes": volumes, "ips": ips, "security_groups": groups})


def _reset(simulator: Simulator, _request: Request) -> Response:
    for server in simulator.store.records("servers"):
        simulator.driver.destroy(machine_name(simulator, server))
    simulator.store.clear()
    return Response(204)


ROUTES = (
    route("GET", "/_lab/health", _health, public=True),
    route("GET", "/_lab/state", _state, public=True),
    route("POST", "/_lab/reset", _reset, public=True),
)
