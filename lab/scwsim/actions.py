"""POST /servers/{id}/action: what may be asked, and the first step of what then happens."""

from __future__ import annotations

from .errors import invalid_arguments, invalid_request, locked, out_of_stock, transient_state
from .faults import strikes
from .routing import Request, Response, route
from .server_view import STOPPED_IN_PLACE, is_locked, volumes_of
from .servers import find_server
from .simulator import Simulator
from .store import Record
from .volumes import LOCAL

# action → state, detail, step that follows, seconds until it is due
BEGINNINGS = {
    "poweron": ("starting", "allocating node", "boot", 0.3),
    "poweroff": ("stopping", "stopping", "power_off", 0.5),
    "stop_in_place": ("stopping", "stopping in place", "halt", 0.5),
    "reboot": ("starting", "rebooting", "restart", 0.3),
    "terminate": ("stopping", "terminating", "destroy", 0.5),
}
# The states an action starts from, and what the refusal says (the wording is assumed).
STARTS_FROM = {
    "poweron": (("stopped", STOPPED_IN_PLACE), "server should be stopped"),
    "poweroff": (("running", STOPPED_IN_PLACE), "server should be running"),
    "stop_in_place": (("running",), "server should be running"),
    "reboot": (("running", STOPPED_IN_PLACE), "server should be running"),
    "terminate": (("running", STOPPED_IN_PLACE), "server should be running"),
}


def plan(simulator: Simulator, server: Record, step: str, delay: float) -> None:
    """Write down what happens to the server next, and when."""
    server["step"] = {"name": step, "due": simulator.deadline(delay)}


def _check(simulator: Simulator, server: Record, action: str) -> None:
    if is_locked(simulator, server):
        raise locked("instance_server", server["id"])
    if action not in BEGINNINGS:
        raise invalid_arguments(("action", "constraint", f"{action or 'nothing'} is not a known action"))
    states, refusal = STARTS_FROM[action]
    if server["state"] in {"starting", "stopping"}:
        raise transient_state("instance_server", server["id"], server["state"])
    if server["state"] not in states:
        raise invalid_request(refusal)
    if server["protected"] and action in {"poweroff", "stop_in_place", "terminate"}:
        raise invalid_request("the server is protected")


def _act(simulator: Simulator, request: Request) -> Response:
    server = find_server(simulator, request)
    action = str(request.json().get("action", ""))
    _check(simulator, server, action)
    if action == "poweron" and strikes(simulator, "out_of_stock", at="poweron"):
        raise out_of_stock(server["commercial_type"])
    state, detail, step, delay = BEGINNINGS[action]
    server.update(state=state, state_detail=detail, modification_date=simulator.now())
    if not strikes(simulator, "stuck_transition", action=action, server=server["name"]):
        plan(simulator, server, step, delay)
    if action == "terminate":
        for volume in volumes_of(simulator, server):
            if volume["volume_type"] == LOCAL:
                volume["state"] = "deleting"
    path = f"/servers/{server['id']}"
    task = {
        "id": "00000000-0000-0000-0000-000000000000",
        "description": "fake task",
        "status": "pending",
        "href_from": f"{path}/action",
        "href_result": path,
        "started_at": simulator.now(),
        "terminated_at": None,
        "progress": 0,
        "zone": request.zone,
    }
    return Response(202, {"task": task})


def _list_actions(simulator: Simulator, request: Request) -> Response:
    find_server(simulator, request)
    return Response(200, {"actions": [*BEGINNINGS, "backup"]})


_ACTION = "/instance/v1/zones/{zone}/servers/{id}/action"
ROUTES = (
    route("POST", _ACTION, _act),
    route("GET", _ACTION, _list_actions),
)
