"""A request as the routes see it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from .core import Core


@dataclass(frozen=True)
class Request:
    """Method, path, decoded query, headers and where it came from."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    client: str
    locations: tuple[str, ...] = ()  # the one parameter that may be repeated

    @property
    def token(self) -> str:
        """The token of the client, from header or query."""
        return self.headers.get("x-plex-token") or self.query.get("X-Plex-Token", "")

    @property
    def as_json(self) -> bool:
        """Tell whether the client asked for JSON."""
        return "application/json" in self.headers.get("accept", "")

    def window(self) -> tuple[int, int | None]:
        """Give start and size of the wanted part of a list."""
        texts = {
            name: self.headers.get(f"x-plex-container-{name}") or self.query.get(f"X-Plex-Container-{name.title()}")
            for name in ("start", "size")
        }
        size = texts["size"]
        return int(texts["start"] or 0), None if size is None else int(size)

    def allowed(self, core: Core) -> bool:
        """Tell whether the client may ask for anything but the identity."""
        if core.token and self.token == core.token and not core.token_revoked:
            return True
        address = ipaddress.ip_address(self.client)
        if not core.claimed and address.is_loopback:
            return True
        for network in filter(None, core.preferences.get("allowedNetworks").split(",")):
            found = ipaddress.ip_network(network.strip(), strict=False)
            if found.prefixlen and address in found:  # everybody is no network, as with the real one
                return True
        return False


def parse(method: str, target: str, headers: Mapping[str, str], client: str) -> Request:
    """Take a request line apart."""
    parts = urlsplit(target)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    lowered = {name.lower(): value for name, value in headers.items()}
    repeated = tuple(value for name, value in pairs if name in ("location", "locations"))
    return Request(method, parts.path, dict(pairs), lowered, client, repeated)
