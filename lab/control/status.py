"""`script/lab status`: what runs, and what is rented."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from . import docker, settings
from .errors import LabError

_ADDRESSES = {
    "mirror": settings.MIRROR_ADDRESS,
    "s3": settings.S3_ADDRESS,
    "scwsim": settings.CLOUD_ADDRESS,
}


def read() -> dict[str, Any]:
    """The state of the lab; an unknown one is an error, never an empty list."""
    docker.check_daemon()
    services = {name: {"state": _state(name), "address": address} for name, address in _ADDRESSES.items()}
    absent = services["scwsim"]["state"] == "absent"
    cloud = {"servers": [], "volumes": [], "ips": [], "security_groups": []} if absent else _cloud()
    up = all(service["state"] == "running" for service in services.values())
    return {"up": up, "services": services, "cloud": cloud}


def _state(name: str) -> str:
    facts = docker.inspect("container", f"{settings.PREFIX}-{name}")
    return str(facts["State"]["Status"]) if facts else "absent"


def _cloud() -> dict[str, Any]:
    address = f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}/_lab/state"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            state: dict[str, Any] = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise LabError(
            f"The Scaleway stand-in does not tell what is rented ({error}); run script/lab up, which restarts it."
        ) from error
    return state


def lines(state: dict[str, Any]) -> list[str]:
    """The state for a person."""
    told = [f"lab is {'up' if state['up'] else 'not up'}"]
    told += [f"  {name:8} {service['state']:10} {service['address']}" for name, service in state["services"].items()]
    told.append("rented: " + ", ".join(f"{len(found)} {kind}" for kind, found in state["cloud"].items()))
    told += [
        f"  {server['name']} {server['commercial_type']} {server['state']} "
        f"{(server['public_ip'] or {}).get('address', '')}".rstrip()
        for server in state["cloud"]["servers"]
    ]
    return told
