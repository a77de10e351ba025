"""`script/lab status`: what runs, and what is rented."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from lab.scwsim.store import KINDS

from . import docker, settings
from .errors import LabError

_ADDRESSES = {
    "mirror": settings.MIRROR_ADDRESS,
    "s3": settings.S3_ADDRESS,
    "scwsim": settings.CLOUD_ADDRESS,
    "plextv": settings.PLEX_TV_ADDRESS,
    "s3fault": settings.S3_FAULT_ADDRESS,
}


def read() -> dict[str, Any]:
    """The state of the lab; where it cannot be told what is rented, `cloud` is None and `problem` says why."""
    docker.check_daemon()
    services = {name: {"state": _state(name), "address": address} for name, address in _ADDRESSES.items()}
    state: dict[str, Any] = {
        "up": all(service["state"] == "running" for service in services.values()),
        "services": services,
        "cloud": None,
    }
    cloud_service = services["scwsim"]["state"]
    try:
        if cloud_service == "absent":
            # Without the stand-in and its memory there is nothing that could be rented.
            state["cloud"] = {kind: [] for kind in KINDS}
        elif cloud_service == "running":
            state["cloud"] = ask_cloud("/_lab/state")
        else:
            state["problem"] = f"The Scaleway stand-in is {cloud_service}; run script/lab up, which starts it."
    except LabError as error:
        state["problem"] = str(error)
    return state


def _state(name: str) -> str:
    facts = docker.inspect("container", f"{settings.PREFIX}-{name}")
    return str(facts["State"]["Status"]) if facts else "absent"


def ask_cloud(path: str) -> dict[str, Any]:
    """What the Scaleway stand-in tells beside its API; LabError if it does not answer."""
    address = f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}{path}"
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
    if state["cloud"] is None:
        return told
    told.append("rented: " + ", ".join(f"{len(found)} {kind}" for kind, found in state["cloud"].items()))
    told += [
        f"  {server['name']} {server['commercial_type']} {server['state']} "
        f"{(server['public_ip'] or {}).get('address', '')}".rstrip()
        for server in state["cloud"]["servers"]
    ]
    return told
