"""The faults of the proxy by name, each with its parameters, and what has passed through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """One way to misbehave; parameters keep the type of their default."""

    summary: str
    parameters: dict[str, int | float | str] = field(default_factory=dict)
    on: bool = False

    def shown(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {"on": self.on, "summary": self.summary, "parameters": self.parameters}


class DeskError(Exception):
    """A wish that cannot be granted; the text is a sentence."""


class Desk:
    """What is switched on now."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {
            "s3_reset": Fault("every connection is reset"),
            "s3_black_hole": Fault("requests are taken and never answered, bytes on their way stop"),
            "s3_status": Fault(
                "every request, or those of a method, are answered with this status", {"status": 503, "method": ""}
            ),
            "s3_truncate": Fault("a body ends early, the connection with it", {"bytes": 1000}),
            "s3_slow": Fault("so many bytes a second on each connection", {"bytes_per_second": 50_000}),
            "s3_clock": Fault("its clock is so far ahead; who signs with another time is refused", {"seconds": 3600}),
            "s3_latency": Fault("every answer comes so much later", {"seconds": 0.015}),
        }
        self._defaults = {name: dict(fault.parameters) for name, fault in self.faults.items()}
        self.counts: dict[str, int] = {"bytes": 0}

    def on(self, name: str) -> bool:
        """Whether a fault is switched on."""
        return self.faults[name].on

    def refuses(self, method: str) -> bool:
        """Whether requests of a method are answered with a status."""
        return self.on("s3_status") and self.faults["s3_status"].parameters["method"] in ("", method)

    def value(self, name: str, parameter: str) -> float:
        """Give a parameter as a number."""
        return float(self.faults[name].parameters[parameter])

    def switch(self, name: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Switch a fault as `{"on": bool, parameter: value}` says, what is not said as at first.

        DeskError when it makes no sense.
        """
        fault = self.faults.get(name)
        if fault is None:
            raise DeskError(f"{name!r} is no fault of the proxy; there are: {', '.join(self.faults)}")
        wish = dict(wish)
        on = wish.pop("on", None)
        if not isinstance(on, bool):
            raise DeskError('"on" has to be true or false')
        changed = dict(self._defaults[name])
        for key, value in wish.items():
            if key not in changed:
                raise DeskError(f"{name} has no parameter {key!r}; it has: {', '.join(changed) or 'none'}")
            try:
                changed[key] = type(changed[key])(value)
            except (TypeError, ValueError) as error:
                raise DeskError(f"{value!r} is no value for {key}") from error
        fault.parameters, fault.on = changed, on
        return fault.shown()

    def count(self, what: str, many: int = 1) -> None:
        """Add to a count."""
        self.counts[what] = self.counts.get(what, 0) + many
