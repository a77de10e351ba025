"""The way of a call through the API: faults, authentication, rights, work, and what is left of the answer."""

from __future__ import annotations

from dataclasses import replace

from .billing import settle
from .engine import EngineError
from .errors import ApiError, denied_authentication, not_found, still_in_use, transient_state
from .faults import strikes, strikes_call
from .identity import Principal, authenticate
from .permissions import permitted
from .routing import Request, Response, Route, find
from .simulator import Simulator
from .transitions import catch_up

_ADMIN = "/_lab/"


def respond(simulator: Simulator, routes: tuple[Route, ...], request: Request, token: str | None) -> Response:
    """Answer one call; what it changed is on disk before the answer leaves."""
    with simulator.store.lock:
        catch_up(simulator)
        try:
            chosen, parameters = find(routes, request.method, request.path)
            call = replace(request, parameters=parameters)
            if call.path.startswith(_ADMIN):
                response = chosen.handler(simulator, call)
            else:
                response = _through_the_gateway(simulator, chosen, call, token)
        except ApiError as error:
            response = Response(error.status, error.body)
        except EngineError as error:
            response = Response(500, {"type": "internal_error", "message": str(error)})
        if request.method != "GET":
            settle(simulator)
            simulator.store.save()
    return response


def _through_the_gateway(simulator: Simulator, chosen: Route, call: Request, token: str | None) -> Response:
    if strikes_call(simulator, "too_many_requests", call):
        return Response(429, None, {"X-Envoy-Ratelimited": "true"})
    principal = authenticate(simulator, token, required=not chosen.public)
    if principal and token and strikes(simulator, "key_revoked", access_key=principal.access_key):
        raise denied_authentication("not_found")
    broken = strikes_call(simulator, "server_error", call)
    if broken:
        return _failure(int(broken["status"]))
    zone = call.parameters.get("zone")
    if zone is not None and not simulator.catalogue.has_zone(zone):
        raise not_found("zone", zone)
    if call.method == "DELETE":
        _refuse_deletion(simulator, call)
    return _delivered(simulator, call, chosen.handler(simulator, _as(simulator, principal, call)))


def _as(simulator: Simulator, principal: Principal | None, call: Request) -> Request:
    """The call with what its sender may see; ApiError where the right is missing."""
    if principal is None:
        return call
    call = replace(call, default_project=principal.default_project)
    return replace(call, projects=permitted(simulator, principal, call))


def _refuse_deletion(simulator: Simulator, call: Request) -> None:
    identifier = call.path.rstrip("/").rsplit("/", 1)[-1]
    if strikes_call(simulator, "delete_conflict", call):
        raise transient_state("resource", identifier, "deleting")
    if strikes_call(simulator, "delete_in_use", call):
        raise still_in_use("the resource is still in use")


def _failure(status: int) -> Response:
    return Response(status, {"type": "internal_error", "message": "internal error"})


def _delivered(simulator: Simulator, call: Request, response: Response) -> Response:
    """The answer, unless it gets lost on its way; only a success can."""
    if response.status >= 400:
        return response
    failure = strikes_call(simulator, "error_after_success", call)
    if failure:
        return _failure(int(failure["status"]))
    late = strikes_call(simulator, "timeout_after_success", call)
    if late:
        return replace(response, lost_after=float(late["seconds"]))
    if strikes_call(simulator, "lost_response", call):
        return replace(response, lost_after=0.0)
    return response
