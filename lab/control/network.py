"""The lab's Docker network."""

from __future__ import annotations

import ipaddress
import json
import subprocess

from . import docker, settings
from .errors import LabError


def ensure() -> None:
    """Make the network if it is not there; refuse one that is not ours or overlaps."""
    facts = docker.inspect("network", settings.NETWORK)
    if facts is not None:
        pools = facts["IPAM"]["Config"]
        if [(pool["Subnet"], pool.get("IPRange")) for pool in pools] == [(settings.SUBNET, settings.UNMANAGED_RANGE)]:
            return
        raise LabError(
            f"The Docker network {settings.NETWORK} exists with another address range; run script/lab down first."
        )
    taken = overlapping(_routes())
    if taken:
        raise LabError(
            f"The lab needs the network {settings.SUBNET}, which this machine already uses ({taken}); "
            "remove that route or network and run script/lab up again."
        )
    pool = ("--subnet", settings.SUBNET, "--gateway", settings.GATEWAY, "--ip-range", settings.UNMANAGED_RANGE)
    done = docker.attempt("network", "create", *pool, "--label", f"{settings.LABEL}=1", settings.NETWORK)
    if done.returncode:
        if "overlap" in done.stderr.lower():
            raise LabError(
                f"The lab needs the network {settings.SUBNET}, which another Docker network uses; "
                "see docker network ls, remove it and run script/lab up again."
            )
        raise LabError(f"The lab's network could not be made: {done.stderr.strip()}.")


def overlapping(routes: list[dict[str, str]]) -> str:
    """The first route that lies in the lab's subnet, as a person would name it."""
    lab = ipaddress.IPv4Network(settings.SUBNET)
    for route in routes:
        destination = route.get("dst", "default")
        if destination != "default" and ipaddress.IPv4Network(destination, strict=False).subnet_of(lab):
            return f"{destination} on {route.get('dev', 'an unknown device')}"
    return ""


def _routes() -> list[dict[str, str]]:
    try:
        done = subprocess.run(["ip", "-4", "-json", "route"], capture_output=True, text=True, check=False, timeout=10)
    except FileNotFoundError:
        # Without iproute2 Docker's own check has to do.
        return []
    routes: list[dict[str, str]] = json.loads(done.stdout or "[]")
    return routes
