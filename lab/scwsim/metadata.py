"""The metadata service that a machine reads at http://169.254.42.42: who it is, and its user-data.

As with the real one, user-data is for callers from a privileged port only: for root.
"""

from __future__ import annotations

from .addresses import addresses_of, public_view
from .errors import not_found
from .routing import Request, Response, route
from .simulator import Simulator
from .ssh_keys import authorized_keys
from .store import Record

_PRIVILEGED = 1024


def _caller(simulator: Simulator, request: Request) -> Record:
    """The server whose machine asks."""
    for server in simulator.store.records("servers"):
        if server["state"] != "stopped" and server["machine_address"] == request.sender:
            return server
    raise not_found("instance_server", request.sender)


def _root(simulator: Simulator, request: Request) -> Response:
    _caller(simulator, request)
    return Response(200, "conf\nuser_data\n")


def _conf(simulator: Simulator, request: Request) -> Response:
    server = _caller(simulator, request)
    return Response(
        200,
        {
            "id": server["id"],
            "name": server["name"],
            "hostname": server["name"],
            "zone": server["zone"],
            "project": server["project"],
            "organization": server["project"],
            "commercial_type": server["commercial_type"],
            "tags": server["tags"],
            "ssh_public_keys": [{"key": key} for key in authorized_keys(simulator, server)],
            "public_ips": [public_view(address) for address in addresses_of(simulator, server)],
            "location": server["location"],
        },
    )


def _user_data(simulator: Simulator, request: Request) -> Response:
    server = _caller(simulator, request)
    if request.sender_port >= _PRIVILEGED:
        return Response(403, {"type": "forbidden", "message": "user data is for callers from a port below 1024"})
    if "id" not in request.parameters:
        return Response(200, {"user_data": sorted(server["user_data"])})
    if request.id not in server["user_data"]:
        raise not_found("instance_user_data", request.id)
    return Response(200, str(server["user_data"][request.id]))


def _vendor_data(simulator: Simulator, request: Request) -> Response:
    _caller(simulator, request)
    raise not_found("instance_vendor_data", request.id)


ROUTES = (
    route("GET", "/", _root, public=True),
    route("GET", "/conf", _conf, public=True),
    route("GET", "/user_data", _user_data, public=True),
    route("GET", "/user_data/{id}", _user_data, public=True),
    route("GET", "/vendor_data/{id}", _vendor_data, public=True),
)
