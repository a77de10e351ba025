"""Faults by name: what the stand-in can be told to do wrong, which of it is on, and how often it struck.

Over the wire: `GET /_lab/faults`, `PUT /_lab/faults/<name>` with `{"on": true, ...parameters}`. Parameters that several
faults share: `route` (a regular expression over `METHOD /path`), `after` (so many matching calls are spared first),
`count` (so many strikes, then the fault is off; 0: until it is switched off), `seconds`, `server` (a server's name;
empty: any).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .routing import Request, Response, route
from .simulator import Simulator

Value = float | str
_CHANGES_A_SERVER = r"^POST .*/servers(/[^/]+/action)?$"
_WHEN: dict[str, Value] = {"count": 1, "after": 0}
_ANY_SERVER: dict[str, Value] = {"server": "", "count": 0, "after": 0}


@dataclass(frozen=True)
class Fault:
    """What happens while it is on, and its parameters with their defaults."""

    summary: str
    parameters: Mapping[str, Value]


FAULTS: dict[str, Fault] = {
    "too_many_requests": Fault("429 with an empty body, nothing done", {"route": ".", **_WHEN, "count": 3}),
    "server_error": Fault("an error of the server, nothing done", {"route": ".", "status": 500, **_WHEN}),
    "error_after_success": Fault(
        "the work is done, the answer is an error", {"route": _CHANGES_A_SERVER, "status": 504, **_WHEN}
    ),
    "timeout_after_success": Fault(
        "the work is done, no answer comes for so long, then the connection ends",
        {"route": _CHANGES_A_SERVER, "seconds": 60, **_WHEN},
    ),
    "lost_response": Fault(
        "the work is done, the connection ends without an answer", {"route": _CHANGES_A_SERVER, **_WHEN}
    ),
    "eventual_consistency": Fault("a created server is in no list and 404 for so long", {"seconds": 5, **_ANY_SERVER}),
    "delete_conflict": Fault(
        "a DELETE is refused with 409 transient_state", {"route": "^DELETE ", **_WHEN, "count": 2}
    ),
    "delete_in_use": Fault("a DELETE is refused with 412 still in use", {"route": "^DELETE ", **_WHEN, "count": 2}),
    "quota": Fault("no more servers than the quota, of any type", {"quota": 0, "count": 0, "after": 0}),
    "out_of_stock": Fault(
        "the type is out of stock at `create` or at `poweron`", {"at": "create", "count": 0, "after": 0}
    ),
    "key_revoked": Fault(
        "401 as for a deleted key (empty: any key of the account)", {"access_key": "", "count": 0, "after": 0}
    ),
    "locked": Fault("the server is locked: nothing may be asked of it", _ANY_SERVER),
    "stuck_transition": Fault(
        "the server stays `starting` or `stopping` after the action (empty: any)", {"action": "", **_ANY_SERVER}
    ),
    "cloud_init_fails": Fault("cloud-init ends with an error", _ANY_SERVER),
    "cloud_init_never_ends": Fault("cloud-init runs for ever", _ANY_SERVER),
    "ssh_never_opens": Fault("no SSH server is started", _ANY_SERVER),
    "wrong_host_key": Fault("SSH shows another host key than the user-data's", _ANY_SERVER),
    "address_reused": Fault("a freed address goes to a stranger's machine at once", _ANY_SERVER),
}


def _states(simulator: Simulator) -> dict[str, dict[str, Any]]:
    """The faults that were ever switched on: `on`, `parameters`, calls `seen` and `struck`."""
    states: dict[str, dict[str, Any]] = simulator.store.values.setdefault("faults", {})
    return states


def switch(simulator: Simulator, name: str, *, on: bool, **given: object) -> None:
    """Switch a fault on (its counts begin again) or off; KeyError for an unknown name, ValueError for a parameter."""
    known = FAULTS[name]
    parameters = dict(known.parameters)
    for key, value in given.items():
        if key not in known.parameters:
            raise ValueError(f"{name} has no parameter {key!r}; it has: {', '.join(sorted(known.parameters))}")
        try:
            parameters[key] = str(value) if isinstance(known.parameters[key], str) else float(str(value))
        except ValueError:
            raise ValueError(f"{key} of {name} is a number, not {value!r}") from None
    re.compile(str(parameters.get("route", "")))
    _states(simulator)[name] = {"on": on, "parameters": parameters, "seen": 0, "struck": 0}


def shown(simulator: Simulator, name: str) -> dict[str, Any]:
    """The fault as the list shows it."""
    state = _states(simulator).get(name, {})
    return {
        "on": bool(state.get("on")),
        "summary": FAULTS[name].summary,
        "parameters": state.get("parameters", dict(FAULTS[name].parameters)),
        "struck": state.get("struck", 0),
    }


def active(simulator: Simulator, name: str, **matching: str) -> Mapping[str, Value] | None:
    """The parameters of a fault that is on and whose filters, where they are set, are the given values."""
    state = _states(simulator).get(name)
    if state is None or not state["on"]:
        return None
    parameters: dict[str, Value] = state["parameters"]
    if any(parameters[key] not in {"", value} for key, value in matching.items()):
        return None
    return parameters


def strikes(simulator: Simulator, name: str, **matching: str) -> Mapping[str, Value] | None:
    """As `active`, but counted: spares the first `after` ones and ends after `count` strikes."""
    parameters = active(simulator, name, **matching)
    if parameters is None:
        return None
    state = _states(simulator)[name]
    state["seen"] += 1
    if state["seen"] <= int(parameters["after"]):
        return None
    state["struck"] += 1
    if parameters["count"] and state["struck"] >= int(parameters["count"]):
        state["on"] = False
    return parameters


def strikes_call(simulator: Simulator, name: str, request: Request) -> Mapping[str, Value] | None:
    """As `strikes`, for a fault that chooses its calls by `route`."""
    parameters = active(simulator, name)
    if parameters is None or not re.search(str(parameters["route"]), f"{request.method} {request.path}"):
        return None
    return strikes(simulator, name)


def _list(simulator: Simulator, _request: Request) -> Response:
    return Response(200, {"faults": {name: shown(simulator, name) for name in sorted(FAULTS)}})


def _put(simulator: Simulator, request: Request) -> Response:
    name = request.parameters["name"]
    if name not in FAULTS:
        return Response(404, {"error": f"there is no fault {name!r}; known are: {', '.join(sorted(FAULTS))}"})
    try:
        wish = json.loads(request.body or b"null")
        if not isinstance(wish, dict) or not isinstance(wish.get("on"), bool):
            return Response(400, {"error": 'the body is {"on": true or false, ...parameters}'})
        switch(simulator, name, **wish)
    except (ValueError, re.error) as error:
        return Response(400, {"error": str(error)})
    return Response(200, shown(simulator, name))


ROUTES = (
    route("GET", "/_lab/faults", _list, public=True),
    route("PUT", "/_lab/faults/{name}", _put, public=True),
)
