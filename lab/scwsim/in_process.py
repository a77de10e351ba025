"""The stand-in inside another program: no container, no machines, and no waiting for states.

with serving() as cloud:
    client = Client(cloud.url, cloud.token)
    cloud.fault("lost_response", count=1)
    cloud.simulator.advance(3600)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import faults
from .billing import bill
from .catalogue import Catalogue
from .http_server import RequestLog, SimulatorServer
from .paper import PaperDriver
from .simulator import Account, Simulator
from .store import KINDS, Store

ACCOUNT = Account(
    "11111111-1111-4111-8111-111111111111", "SCWLABXXXXXXXXXXXXXX", "22222222-2222-4222-8222-222222222222"
)


class ListedRequests(RequestLog):
    """A request log in memory."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def write(self, entry: dict[str, Any]) -> None:
        """Remember one line."""
        self.entries.append(entry)


@dataclass
class LocalCloud:
    """A stand-in that listens on this machine: `log.entries` has what was asked, `driver` its machines on paper."""

    simulator: Simulator
    driver: PaperDriver
    url: str
    log: ListedRequests = field(default_factory=ListedRequests)

    @property
    def token(self) -> str:
        """The owner's secret key."""
        return self.simulator.account.token

    @property
    def project(self) -> str:
        """The owner's default project, and organization."""
        return self.simulator.account.project

    def fault(self, name: str, *, on: bool = True, **parameters: object) -> None:
        """Switch a fault on or off."""
        with self.simulator.store.lock:
            faults.switch(self.simulator, name, on=on, **parameters)

    def left(self) -> dict[str, int]:
        """How many of each kind there are that somebody has to give back; empty when nothing is left."""
        with self.simulator.store.lock:
            store = self.simulator.store
            found = {kind: [row for row in store.records(kind) if not row.get("project_default")] for kind in KINDS}
        return {kind: len(rows) for kind, rows in found.items() if rows}

    def bill(self) -> dict[str, Any]:
        """What everything cost up to now."""
        with self.simulator.store.lock:
            return bill(self.simulator)


class _Server(SimulatorServer):
    def handle_error(self, *_: object) -> None:
        """A client that was killed in the middle of a call is what such tests are about."""


@contextmanager
def serving(path: Path | None = None, time_factor: float = 0.0) -> Iterator[LocalCloud]:
    """Serve a stand-in on a free port of 127.0.0.1 for as long as the block lasts; a path makes it remember.

    States change at the next call: with the time factor 0 at once, else when their time has come.
    """
    driver = PaperDriver()
    simulator = Simulator(ACCOUNT, Catalogue(), Store(path), driver, time_factor, lazy=True)
    log = ListedRequests()
    with _Server(("127.0.0.1", 0), simulator, log) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield LocalCloud(simulator, driver, f"http://127.0.0.1:{server.server_address[1]}", log)
        finally:
            server.shutdown()
            thread.join()
