"""Which request does what to the account."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..plexsim.plexsim.faults import Faults
from . import documents
from .account import Account
from .documents import Response


@dataclass(frozen=True)
class Request:
    """One call; header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    client: str

    @property
    def token(self) -> str:
        """The token of the caller, from header or query."""
        return self.headers.get("x-plex-token") or self.query.get("X-Plex-Token", "")

    @property
    def wants_json(self) -> bool:
        """Whether JSON was asked for."""
        return "application/json" in self.headers.get("accept", "")


def _unauthorized(request: Request) -> Response:
    return documents.error(401, 1001, "User could not be authenticated", wants_json=request.wants_json)


@dataclass(frozen=True)
class Api:
    """All routes."""

    account: Account
    faults: Faults

    def answer(self, request: Request) -> Response:
        """Answer one call; what it changed is on disk before the answer leaves."""
        if self.faults.active("plex_tv_down") is not None:
            return documents.error(503, 1000, "Service Unavailable", wants_json=request.wants_json)
        for method, pattern, call, public in self._routes():
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                revoked = self.faults.active("account_token_revoked") is not None
                if not public and (revoked or not self.account.admits(request.token)):
                    return _unauthorized(request)
                response = call(request, *found.groups())
                if method != "GET" or "claim" in request.path:
                    self.account.save()
                return response
        return documents.error(404, 1020, "Not Found", wants_json=request.wants_json)

    def _routes(self) -> tuple[tuple[str, str, Callable[..., Response], bool], ...]:
        return (
            ("GET", "/api/v2/user", self._user, False),
            ("POST", "/api/v2/users/signin", self._sign_in, True),
            ("DELETE", "/api/v2/users/signout", self._sign_out, False),
            ("GET", "/api/v2/resources", self._resources, False),
            ("GET", "/api/claim/token(?:.json)?", self._claim_token, False),
            ("POST", "/api/claim/exchange", self._exchange, True),
            ("GET", "/devices.xml", self._devices, False),
            ("DELETE", "/devices/([0-9]+)[.]xml", self._remove_device, False),
        )

    @property
    def _has_pass(self) -> bool:
        return self.faults.active("account_no_pass") is None

    def _user(self, request: Request) -> Response:
        owner = self.account.owner
        return documents.user(owner, request.token, has_pass=self._has_pass, wants_json=request.wants_json)

    def _sign_in(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        token = self.account.sign_in(form.get("login", ""), form.get("password", ""))
        if not token:
            return _unauthorized(request)
        owner = self.account.owner
        return documents.user(owner, token, has_pass=self._has_pass, wants_json=request.wants_json, status=201)

    def _sign_out(self, request: Request) -> Response:
        self.account.sign_out(request.token)
        return Response(204)

    def _claim_token(self, _request: Request) -> Response:
        return documents.as_json({"token": self.account.new_claim()})

    def _exchange(self, request: Request) -> Response:
        refused = any(self.faults.active(name) is not None for name in ("claim_refused", "claim_expired"))
        if refused or not self.account.use_claim(request.query.get("token", "")):
            return documents.error(422, 1034, "Invalid token", wants_json=request.wants_json)
        headers = request.headers
        device = self.account.register(
            client_identifier=headers.get("x-plex-client-identifier", ""),
            name=headers.get("x-plex-device-name", "PlexMediaServer"),
            product=headers.get("x-plex-product", "Plex Media Server"),
            version=headers.get("x-plex-version", ""),
            platform=headers.get("x-plex-platform", "Linux"),
            provides=headers.get("x-plex-provides", "server"),
        )
        response = documents.claimed(device, self.account.owner)
        late = self.faults.number("late_token", "seconds")
        # Only the lab's server knows this header: it is how the delay reaches a container that does not exist yet.
        return Response(response.status, response.body, headers={"X-Lab-Token-Delay": str(late)} if late else {})

    def _devices(self, request: Request) -> Response:
        return documents.devices(self.account.state.devices, request.client)

    def _resources(self, request: Request) -> Response:
        return documents.resources(self.account.state.devices, request.client, wants_json=request.wants_json)

    def _remove_device(self, request: Request, identity: str) -> Response:
        if self.account.remove_device(int(identity)):
            return Response(204)
        return documents.error(404, 1020, "Not Found", wants_json=request.wants_json)
