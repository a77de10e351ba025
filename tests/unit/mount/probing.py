"""Wait for what the guard's children answer."""

from __future__ import annotations

import time
from collections.abc import Callable

from module_utils.guard_probes import Probes


def until(what: Callable[[], object]) -> None:
    """Look again and again, for twenty seconds at most."""
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def ended(probes: Probes, name: str) -> None:
    """Wait until a probe has answered."""

    def look() -> bool:
        probes.collect()
        return name not in probes.running

    until(look)
