"""Faults by name: what a stand-in can be told to do wrong, and which of it is on.

The state is one JSON file, so that every process of a stand-in sees it: the one with the admin port, the server,
its scanner and its analyser. A fault that is off is not in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

Value = float | str


class UnknownFaultError(LookupError):
    """Nobody knows a fault of this name."""


class BadParameterError(ValueError):
    """The fault has no such parameter, or not of this type."""


@dataclass(frozen=True)
class Fault:
    """A fault: what happens while it is on, and its parameters with their defaults."""

    name: str
    summary: str
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def checked(self, given: Mapping[str, object]) -> dict[str, Value]:
        """Give all parameters, the given ones over the defaults."""
        wanted = dict(self.parameters)
        for name, value in given.items():
            if name not in wanted:
                allowed = ", ".join(sorted(wanted)) or "none"
                raise BadParameterError(f"{self.name} has no parameter {name!r}; it has: {allowed}")
            wanted[name] = self._typed(name, value)
        return wanted

    def _typed(self, name: str, value: object) -> Value:
        if isinstance(self.parameters[name], str):
            return str(value)
        try:
            return float(str(value))
        except ValueError as error:
            raise BadParameterError(f"{name} of {self.name} is a number, not {value!r}") from error


@dataclass(frozen=True)
class Faults:
    """The faults of one stand-in and their state."""

    path: Path
    known: Mapping[str, Fault]

    def _read(self) -> dict[str, dict[str, Value]]:
        try:
            state: dict[str, dict[str, Value]] = json.loads(self.path.read_text())
        except FileNotFoundError:
            return {}
        return state

    def _write(self, state: Mapping[str, Mapping[str, Value]]) -> None:
        unfinished = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(state))
        unfinished.chmod(0o644)  # root's desk writes it, the server's user reads it
        unfinished.replace(self.path)

    def active(self, name: str) -> Mapping[str, Value] | None:
        """Give the parameters of a fault that is on, None while it is off; unknown names are our own mistake."""
        self._named(name)
        return self._read().get(name)

    def number(self, name: str, parameter: str) -> float:
        """Give one numeric parameter of a fault that is on; 0 while it is off."""
        found = self.active(name)
        return float(found[parameter]) if found is not None else 0.0

    def _named(self, name: str) -> Fault:
        if name not in self.known:
            raise UnknownFaultError(f"there is no fault {name!r}; known are: {', '.join(sorted(self.known))}")
        return self.known[name]

    def switch(self, name: str, *, on: bool, parameters: Mapping[str, object] | None = None) -> dict[str, object]:
        """Switch a fault on or off; gives what ``listed`` shows for it."""
        checked = self._named(name).checked(parameters or {})
        state = self._read()
        if on:
            state[name] = checked
        else:
            state.pop(name, None)
        self._write(state)
        return self.listed()[name]

    def listed(self) -> dict[str, dict[str, object]]:
        """Show every fault by name: ``on``, ``summary`` and ``parameters``."""
        state = self._read()
        return {
            name: {
                "on": name in state,
                "summary": fault.summary,
                "parameters": state.get(name, dict(fault.parameters)),
            }
            for name, fault in sorted(self.known.items())
        }
