"""The account, its claim tokens and its devices; time comes from outside, so that tests can advance it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

CLAIM_SECONDS = 240  # "tokens are only valid for 4 minutes"


@dataclass(frozen=True)
class Owner:
    """Who the account belongs to; fixtures of a closed network."""

    username: str = "lab"
    email: str = "lab@example.com"
    password: str = "lab-password"  # noqa: S105 - a fixture, as said above
    token: str = "lab-account-token-00"  # noqa: S105 - a fixture, as said above
    standing_claim: str = ""  # a claim token that neither expires nor is used up, for runs that only need any


@dataclass
class Device:
    """Something signed in to the account; a server is one too."""

    identity: int
    client_identifier: str
    token: str
    name: str
    product: str
    version: str
    platform: str
    provides: str
    created: int
    seen: int


@dataclass
class State:
    """What is remembered: written to a file after each change where there is one."""

    claims: dict[str, float] = field(default_factory=dict)  # claim token: when it ends
    devices: list[Device] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)  # tokens of sign-ins
    clock_offset: float = 0.0
    last_identity: int = 1000


@dataclass
class Account:
    """The one account."""

    owner: Owner
    clock: Callable[[], float]
    path: Path | None = None
    state: State = field(default_factory=State)

    def load(self) -> Account:
        """Read what an earlier process wrote."""
        if self.path is not None and self.path.exists():
            found = json.loads(self.path.read_text())
            self.state = State(**found | {"devices": [Device(**device) for device in found["devices"]]})
        return self

    def save(self) -> None:
        """Write what a later process needs."""
        if self.path is not None:
            unfinished = self.path.with_suffix(".tmp")
            unfinished.write_text(json.dumps(asdict(self.state)))
            unfinished.replace(self.path)

    def reset(self) -> None:
        """Forget everything but the owner."""
        self.state = State()

    def now(self) -> float:
        """The time of plex.tv."""
        return self.clock() + self.state.clock_offset

    def admits(self, token: str) -> bool:
        """Tell whether a token belongs to the account: the owner's, a sign-in's or a device's."""
        known = {self.owner.token, *self.state.sessions, *(device.token for device in self.state.devices)}
        return bool(token) and token in known

    def sign_in(self, login: str, password: str) -> str:
        """Give a new token for the right password, nothing for a wrong one."""
        if login not in (self.owner.username, self.owner.email) or password != self.owner.password:
            return ""
        token = secrets.token_hex(10)
        self.state.sessions.append(token)
        return token

    def sign_out(self, token: str) -> None:
        """Revoke a token; that of a device removes the device."""
        self.state.sessions = [known for known in self.state.sessions if known != token]
        self.state.devices = [device for device in self.state.devices if device.token != token]

    def new_claim(self) -> str:
        """Give a claim token: it works once, for four minutes."""
        claim = f"claim-{secrets.token_urlsafe(15)}"
        self.state.claims[claim] = self.now() + CLAIM_SECONDS
        return claim

    def use_claim(self, claim: str) -> bool:
        """Use a claim token up; tells whether it was good."""
        if self.owner.standing_claim and claim == self.owner.standing_claim:
            return True
        end = self.state.claims.pop(claim, None)
        return end is not None and self.now() < end

    def register(self, **facts: str) -> Device:
        """Sign a device in; the same client identifier replaces the older entry and its token."""
        self.state.devices = [
            device for device in self.state.devices if device.client_identifier != facts["client_identifier"]
        ]
        self.state.last_identity += 1
        moment = int(self.now())
        device = Device(
            identity=self.state.last_identity, token=secrets.token_hex(10), created=moment, seen=moment, **facts
        )
        self.state.devices.append(device)
        return device

    def remove_device(self, identity: int) -> bool:
        """Remove a device and with it its token."""
        kept = [device for device in self.state.devices if device.identity != identity]
        found = len(kept) < len(self.state.devices)
        self.state.devices = kept
        return found
