"""The lab's own door, next to the API: see everything, forget everything, let time go by."""

from __future__ import annotations

from .addresses import address_view
from .iam import api_key_view, shown
from .routing import Request, Response, route
from .security_groups import DEFAULT_NAME
from .server_view import server_view
from .simulator import Simulator, machine_name
from .transitions import catch_up
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
    state = {"servers": servers, "volumes": volumes, "ips": ips, "security_groups": groups}
    keys = [{"id": key["id"], **api_key_view(key)} for key in store.records("api_keys")]
    others = {kind: [shown(row) for row in store.records(kind)] for kind in ("applications", "policies", "ssh_keys")}
    return Response(200, {**state, **others, "api_keys": keys})


def _clock(simulator: Simulator, request: Request) -> Response:
    if request.method == "POST":
        seconds = request.json().get("advance_seconds")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            return Response(400, {"error": 'the body is {"advance_seconds": so many, not below 0}'})
        simulator.advance(float(seconds))
        catch_up(simulator)
    return Response(
        200, {"now": simulator.now(), "advanced_seconds": simulator.store.values.get("advanced_seconds", 0)}
    )


def _reset(simulator: Simulator, _request: Request) -> Response:
    for server in simulator.store.records("servers"):
        simulator.driver.destroy(machine_name(simulator, server))
    simulator.store.clear()
    return Response(204)


ROUTES = (
    route("GET", "/_lab/health", _health, public=True),
    route("GET", "/_lab/state", _state, public=True),
    route("GET", "/_lab/clock", _clock, public=True),
    route("POST", "/_lab/clock", _clock, public=True),
    route("POST", "/_lab/reset", _reset, public=True),
)
