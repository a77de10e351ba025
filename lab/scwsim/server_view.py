"""A server as the API tells it, and what its state allows."""

from __future__ import annotations

from typing import Any

from .addresses import addresses_of, public_view
from .catalogue import image_view
from .faults import active
from .simulator import Simulator
from .store import Record
from .volumes import LOCAL, local_view

# Spelled with spaces, as the real API does.
STOPPED_IN_PLACE = "stopped in place"
ALLOWED_ACTIONS = {
    "stopped": ["poweron", "backup"],
    "starting": ["stop_in_place", "backup"],
    "running": ["poweroff", "terminate", "reboot", "stop_in_place", "backup"],
    STOPPED_IN_PLACE: ["poweron", "poweroff", "terminate", "reboot", "backup"],
    "stopping": ["stop_in_place", "backup"],
    "locked": [],
}


def volumes_of(simulator: Simulator, server: Record) -> list[Record]:
    """The volumes that are attached to a server."""
    return [
        volume
        for volume in reversed(simulator.store.records("volumes", server["zone"]))
        if volume["server"] and volume["server"]["id"] == server["id"]
    ]


def is_locked(simulator: Simulator, server: Record) -> bool:
    """Whether the provider locked the server."""
    return active(simulator, "locked", server=server["name"]) is not None


def allowed_actions(simulator: Simulator, server: Record) -> list[str]:
    """What may be asked of the server now; on its way out a local disk allows nothing."""
    if is_locked(simulator, server):
        return list(ALLOWED_ACTIONS["locked"])
    local = any(volume["volume_type"] == LOCAL for volume in volumes_of(simulator, server))
    if server["state"] == "stopping" and local:
        return []
    return list(ALLOWED_ACTIONS[server["state"]])


def _volume_view(volume: Record) -> dict[str, Any]:
    if volume["volume_type"] == LOCAL:
        return {"boot": False, **local_view(volume)}
    shown = ("volume_type", "id", "zone")
    return {"boot": False, "state": "available", **{key: volume[key] for key in shown}}


def server_view(simulator: Simulator, server: Record) -> dict[str, Any]:
    """The whole server object."""
    image = simulator.catalogue.image(server["zone"], server["image"], "")
    group = simulator.store.find("security_groups", server["zone"], server["security_group"])
    # A dynamic address exists only while the server runs; a reserved one shows from the start.
    public = [public_view(address) for address in addresses_of(simulator, server)]
    shown = ("id", "name", "commercial_type", "boot_type", "project", "tags", "state", "protected")
    dates = ("state_detail", "mac_address", "dynamic_ip_required", "creation_date", "modification_date")
    view: dict[str, Any] = {key: server[key] for key in (*shown, *dates, "location", "zone")}
    if is_locked(simulator, server):
        view["state"] = "locked"
    return view | {
        "arch": simulator.catalogue.arch(server["commercial_type"]),
        "organization": server["project"],
        "hostname": server["name"],
        "image": image_view(image) if image else None,
        "volumes": {str(slot): _volume_view(volume) for slot, volume in enumerate(volumes_of(simulator, server))},
        "public_ip": public[0] if public else None,
        "public_ips": public,
        "routed_ip_enabled": True,
        "ipv6": None,
        "extra_networks": [],
        "enable_ipv6": False,
        "private_ip": None,
        "bootscript": None,
        "security_group": {"id": group["id"], "name": group["name"]} if group else None,
        "maintenances": [],
        "allowed_actions": allowed_actions(simulator, server),
        "placement_group": None,
        "private_nics": [],
        "filesystems": [],
        "end_of_service": False,
        "dns": f"{server['id']}.pub.instances.scw.cloud",
    }
