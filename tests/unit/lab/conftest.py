"""A simulated cloud without Docker: machines are entries in a dictionary, time is a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lab.scwsim.catalogue import Catalogue
from lab.scwsim.http_server import answer
from lab.scwsim.paper import PaperDriver
from lab.scwsim.routing import Request
from lab.scwsim.simulator import Account, Simulator
from lab.scwsim.store import Store
from lab.scwsim.transitions import take_due_steps, watch_machines

TOKEN = "11111111-1111-4111-8111-111111111111"
PROJECT = "22222222-2222-4222-8222-222222222222"
ZONE = "/instance/v1/zones/fr-par-1"
BLOCK = "/block/v1/zones/fr-par-1"


class Cloud:
    """A simulator with hands: calls its API, lets time pass."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.driver = PaperDriver()
        self.time = datetime(2026, 7, 30, 12, 0, tzinfo=UTC)
        self.events: list[dict[str, Any]] = []
        self.open()

    def open(self) -> None:
        """Start the simulator, as after a restart of its container."""
        account = Account(TOKEN, "SCWLABXXXXXXXXXXXXXX", PROJECT)
        store = Store(self.path)
        self.simulator = Simulator(account, Catalogue(), store, self.driver, 1.0, lambda: self.time)

    def call(
        self, method: str, url: str, body: Any = None, token: str | None = TOKEN
    ) -> tuple[int, Any, Mapping[str, str]]:
        parts = urlsplit(url)
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        request = Request(method, parts.path, parse_qs(parts.query), content)
        response = answer(self.simulator, request, token)
        # Through JSON and back: what the wire would carry, not our own objects.
        return response.status, json.loads(json.dumps(response.body)), response.headers

    def create(self, **changes: Any) -> dict[str, Any]:
        body = {
            "name": "job-1",
            "commercial_type": "GP1-M",
            "image": "debian_bookworm",
            "volumes": {"0": {"volume_type": "l_ssd", "size": 200_000_000_000}},
            "project": PROJECT,
            "tags": ["plex-burst"],
            **changes,
        }
        status, answered, _ = self.call("POST", f"{ZONE}/servers", body)
        assert status == 201, answered
        server: dict[str, Any] = answered["server"]
        return server

    def server(self, identifier: str) -> dict[str, Any]:
        status, answered, _ = self.call("GET", f"{ZONE}/servers/{identifier}")
        assert status == 200, answered
        server: dict[str, Any] = answered["server"]
        return server

    def act(self, identifier: str, action: str) -> tuple[int, Any]:
        return self.call("POST", f"{ZONE}/servers/{identifier}/action", {"action": action})[:2]

    def pass_time(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        take_due_steps(self.simulator, self.events.append)
        watch_machines(self.simulator, self.events.append)

    def running(self, **changes: Any) -> dict[str, Any]:
        server = self.create(**changes)
        assert self.act(server["id"], "poweron")[0] == 202
        self.pass_time(1)
        self.pass_time(5)
        booted = self.server(server["id"])
        assert booted["state"] == "running"
        return booted


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path / "state.json")
