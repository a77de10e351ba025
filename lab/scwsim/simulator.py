"""The simulated cloud: its offer, its records, its machines and its clock."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
    # Whether what is due happens before each call, and only then, instead of in the background.
    lazy: bool = False

    def time(self) -> datetime:
        """The cloud's time: the clock, and what it was advanced by."""
        return self.clock() + timedelta(seconds=self.store.values.get("advanced_seconds", 0.0))

    def advance(self, seconds: float) -> None:
        """Let so much time go by at once."""
        self.store.values["advanced_seconds"] = self.store.values.get("advanced_seconds", 0.0) + seconds

    def now(self) -> str:
        """The time in the Instance API's format."""
        return self.time().isoformat(timespec="microseconds")

    def seconds(self) -> float:
        """The time as a number."""
        return self.time().timestamp()

    def deadline(self, delay: float) -> float:
        """When a step that takes `delay` seconds in the real cloud's order of events is due."""
        return self.seconds() + delay * self.time_factor


def new_id() -> str:
    """An id such as every resource has."""
    return str(uuid.uuid4())


def machine_name(simulator: Simulator, server: Record) -> str:
    """The container of a server."""
    return f"{simulator.driver.options.prefix}-srv-{server['id']}"
