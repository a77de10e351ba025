"""The server's preferences: what it knows, and ``Preferences.xml`` where it keeps what was changed."""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from .schema import DATA

_BEHAVIOUR = "never:never|scheduled:as a scheduled task|asap:as a scheduled task and when media is added"
_COUNT = "|".join(["0:Unlimited", *(f"{number}:{number}" for number in range(1, 21))])
_HOUR = "|".join(f"{hour}:{hour}\ua78900" for hour in range(24))
_CHOICES = {"@behaviour": _BEHAVIOUR, "@count": _COUNT, "@hour": _HOUR}
_TRUTHS = {"1": "1", "true": "1", "0": "0", "false": "0"}


class RefusedError(ValueError):
    """The server does not know this preference, or not this value."""


@dataclass(frozen=True)
class Definition:
    """One preference as ``/:/prefs`` describes it."""

    name: str
    kind: str
    default: str
    group: str = ""
    flags: str = ""
    choices: str = ""

    def accept(self, text: str) -> str:
        """Give a value as the file keeps it; refuse what the type or the choices do not allow."""
        value = _TRUTHS.get(text.lower(), "") if self.kind == "bool" else text
        if self.kind == "bool" and not value:
            raise RefusedError(f"{self.name} is a bool, not {text!r}")
        if self.kind == "int" and not text.lstrip("-").isdigit():
            raise RefusedError(f"{self.name} is an int, not {text!r}")
        if self.kind == "double" and not re.fullmatch("-?[0-9]+([.][0-9]+)?", text):
            raise RefusedError(f"{self.name} is a double, not {text!r}")
        allowed = [choice.partition(":")[0] for choice in self.choices.split("|")] if self.choices else []
        if allowed and value not in allowed:
            raise RefusedError(f"{self.name} is one of {', '.join(allowed)}, not {text!r}")
        return value

    def typed(self, text: str) -> object:
        """Give a value as JSON and XML show it."""
        if self.kind == "bool":
            return _TRUTHS.get(text.lower()) == "1"
        if self.kind == "double":
            return float(text)
        return int(text) if self.kind == "int" else text


def definitions() -> dict[str, Definition]:
    """Read the table of preferences."""
    found = {}
    for line in (DATA / "preferences.tsv").read_text().splitlines():
        if not line.startswith("#"):
            name, kind, default, group, flags, choices = (line.split("\t") + [""] * 5)[:6]
            found[name] = Definition(name, kind, default, group, flags, _CHOICES.get(choices, choices))
    return found


@dataclass
class Preferences:
    """``Preferences.xml``: attributes of one element, replaced atomically, readable by its owner only."""

    path: Path
    known: dict[str, Definition] = field(default_factory=definitions)
    values: dict[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> Preferences:
        """Read the file; an absent or empty one has no values."""
        if self.path.exists() and self.path.stat().st_size:
            self.values = dict(ET.parse(self.path).getroot().attrib)  # noqa: S314  our own file
        return self

    def write(self, changes: dict[str, str | None]) -> None:
        """Change values (None removes one) and write the file."""
        with self.lock:
            for name, value in changes.items():
                if value is None:
                    self.values.pop(name, None)
                else:
                    self.values[name] = value
            text = ET.tostring(ET.Element("Preferences", self.values), encoding="unicode")
            self.path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = self.path.with_name(self.path.name + ".tmp")
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n')
            unfinished.replace(self.path)

    def get(self, name: str) -> str:
        """Give a value, or its default."""
        return self.values.get(name, self.known[name].default if name in self.known else "")

    def on(self, name: str) -> bool:
        """Tell whether a bool is set."""
        return _TRUTHS.get(self.get(name).lower()) == "1"

    def listed(self, *, with_pass: bool) -> list[Definition]:
        """List what an account sees."""
        return [item for item in self.known.values() if with_pass or "p" not in item.flags]

    def change(self, wanted: dict[str, str], *, with_pass: bool) -> None:
        """Set preferences as a client asks; one unknown name or bad value refuses them all."""
        visible = {item.name: item for item in self.listed(with_pass=with_pass)}
        unknown = [name for name in wanted if name not in visible]
        if unknown:
            raise RefusedError(f"unknown preference {', '.join(unknown)}")
        self.write({name: visible[name].accept(value) for name, value in wanted.items()})
