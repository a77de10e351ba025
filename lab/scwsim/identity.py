"""Who calls: the account's owner, or an application by an API key that lives until it expires."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .errors import denied_authentication
from .simulator import Simulator
from .store import Record

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Principal:
    """A caller; rules None: the owner, who may do everything."""

    access_key: str
    default_project: str
    rules: tuple[dict[str, Any], ...] | None


def authenticate(simulator: Simulator, token: str | None, *, required: bool) -> Principal | None:
    """The caller with this secret key, None without one where none is needed; ApiError 401 otherwise."""
    account = simulator.account
    if token is None:
        if required:
            raise denied_authentication("not_found")
        return None
    if token == account.token:
        return Principal(account.access_key, account.project, None)
    if not _UUID.fullmatch(token):
        raise denied_authentication("invalid_argument")
    for key in simulator.store.records("api_keys"):
        if key["secret_key"] == token:
            if is_expired(simulator, key):
                raise denied_authentication("expired")
            return Principal(key["access_key"], key["default_project_id"], _rules(simulator, key))
    raise denied_authentication("not_found")


def is_expired(simulator: Simulator, key: Record) -> bool:
    """Whether the API key's time is over."""
    expires = key["expires_at"]
    return bool(expires) and datetime.fromisoformat(expires).timestamp() <= simulator.seconds()


def _rules(simulator: Simulator, key: Record) -> tuple[dict[str, Any], ...] | None:
    """The rules of the key's application; a key of a user is a key of the owner."""
    if not key["application_id"]:
        return None
    policies = simulator.store.records("policies")
    return tuple(
        rule for policy in policies if policy["application_id"] == key["application_id"] for rule in policy["rules"]
    )


def secrets(simulator: Simulator) -> tuple[str, ...]:
    """Every secret key there is, for masking."""
    return (simulator.account.token, *(key["secret_key"] for key in simulator.store.records("api_keys")))


def access_key(simulator: Simulator, token: str | None) -> str:
    """Whose secret key this is, as a log may say it."""
    if token == simulator.account.token:
        return simulator.account.access_key
    found = (key["access_key"] for key in simulator.store.records("api_keys") if key["secret_key"] == token)
    return next(found, "unknown" if token else "none")
