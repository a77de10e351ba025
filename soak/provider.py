"""The Scaleway stand-in in this process, with machines on paper, and a hand on its every answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from lab.scwsim import http_server
from lab.scwsim.catalogue import Catalogue
from lab.scwsim.in_process import ACCOUNT, ListedRequests
from lab.scwsim.paper import PaperDriver
from lab.scwsim.routing import Request, Response
from lab.scwsim.simulator import Simulator
from lab.scwsim.store import Store

TOKEN, PROJECT = ACCOUNT.token, ACCOUNT.project
ZONE = "fr-par-1"
KINDS = ("servers", "volumes", "ips", "security_groups", "applications", "api_keys", "policies", "ssh_keys")
# What happens with the answer of a call.
Fate = Literal["send", "lose"]


class Provider:
    """The stand-in: its records, its calls so far, its clock. `before_answer` decides each answer's fate."""

    def __init__(self, directory: Path) -> None:
        store = Store(directory / "state.json")
        self.simulator = Simulator(ACCOUNT, Catalogue(), store, PaperDriver(), 0.0, lazy=True)
        self.calls: list[tuple[str, str]] = []
        self.before_answer: Callable[[int], Fate] = lambda _count: "send"
        self.after_answer: Callable[[int], None] = lambda _count: None
        self.url = ""

    def now(self) -> datetime:
        """The provider's time."""
        return self.simulator.time()

    def advance(self, time: timedelta) -> None:
        """Let time go by at once."""
        with self.simulator.store.lock:
            self.simulator.advance(time.total_seconds())

    def add(self, kind: str, body: dict[str, Any]) -> None:
        """Make something through the API, as a stranger would."""
        request = Request("POST", f"/instance/v1/zones/{ZONE}/{kind}", {}, json.dumps(body).encode())
        made = http_server.answer(self.simulator, request, TOKEN)
        if made.status >= 300:
            raise RuntimeError(f"the stand-in refused {kind}: {made.body}")

    def records(self) -> dict[str, dict[str, Any]]:
        """Everything there is by id, but what every project has from the start."""
        with self.simulator.store.lock:
            found = [row for kind in KINDS for row in self.simulator.store.records(kind)]
            return {row["id"]: json.loads(json.dumps(row)) for row in found if not row.get("project_default")}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer calls at `url` while the body runs."""
        with _Server(self) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class _Server(http_server.SimulatorServer):
    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), provider.simulator, ListedRequests())
        self.RequestHandlerClass = _Handler
        self.provider = provider

    def handle_error(self, *_: object) -> None:
        """A connection that breaks off is on purpose here."""


class _Handler(http_server._Handler):  # noqa: SLF001 - the stand-in's own handler, with a hand on its answers
    def _send(self, response: Response, request_id: str) -> None:
        server: Any = self.server
        provider: Provider = server.provider
        provider.calls.append((self.command, self.path))
        count = len(provider.calls)
        if provider.before_answer(count) == "lose":
            raise ConnectionAbortedError
        super()._send(response, request_id)
        provider.after_answer(count)
