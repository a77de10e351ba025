"""A container of the lab itself, as data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from . import settings


@dataclass(frozen=True)
class Service:
    """A container with a fixed address; it is ready when `health` answers with a success."""

    name: str
    address: str
    image: str
    command: tuple[str, ...]
    health: tuple[str, ...]
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def container(self) -> str:
        """The container's name."""
        return f"{settings.PREFIX}-{self.name}"

    def digest(self) -> str:
        """The hash of all that would make another container."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]


def storage(name: str, directory: str) -> tuple[str, str]:
    """A volume with the lab's label, by which `down` finds it."""
    parts = ("type=volume", f"src={settings.PREFIX}-{name}", f"dst={directory}", f"volume-label={settings.LABEL}=1")
    return "--mount", ",".join(parts)
