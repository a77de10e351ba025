"""The simulated cloud: its offer, its records, its machines and its clock."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .catalogue import Catalogue
from .machine import MachineDriver
from .store import Record, Store


@dataclass(frozen=True)
class Account:
    """Whose cloud it is."""

    token: str
    access_key: str
    project: str


@dataclass(frozen=True)
class Simulator:
    """Everything an endpoint needs."""

    account: Account
    catalogue: Catalogue
    store: Store
    driver: MachineDriver
    time_factor: float
    clock: Callable[[], datetime] = lambda: datetime.now(tz=UTC)

    def now(self) -> str:
        """The time in the Instance API's format."""
        return self.clock().isoformat(timespec="microseconds")

    def seconds(self) -> float:
        """The time as a number."""
        return self.clock().timestamp()

    def deadline(self, delay: float) -> float:
        """When a step that takes `delay` seconds in the real cloud's order of events is due."""
        return self.seconds() + delay * self.time_factor


def new_id() -> str:
    """An id such as every resource has."""
    return str(uuid.uuid4())


def owner(simulator: Simulator, body: dict[str, Any]) -> str:
    """The project a new resource belongs to."""
    return str(body.get("project") or body.get("project_id") or body.get("organization") or simulator.account.project)


def machine_name(simulator: Simulator, server: Record) -> str:
    """The container of a server."""
    return f"{simulator.driver.options.prefix}-srv-{server['id']}"
