# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Scaleway's answers mean: pure functions over what was read, no calls.

Is this resource ours? May this server be asked for? What is the next step of a teardown?
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

GIGABYTE = 10**9
SMALLEST_ROOT = 10 * GIGABYTE
IMAGE_TYPES = {"l_ssd": "instance_local", "sbs_volume": "instance_sbs"}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Identity:
    """Whose resources these are. All of name, run tag and project must be equal, never alike."""

    run_id: str
    name: str
    project: str
    zone: str

    @property
    def run_tag(self) -> str:
        """The tag that only this run's resources carry."""
        return f"plex-burst-run={self.run_id}"

    def tagged(self, resource: dict[str, Any]) -> bool:
        """Whether the resource carries our run's tag in our project."""
        return project_of(resource) == self.project and self.run_tag in (resource.get("tags") or [])

    def owns(self, resource: dict[str, Any]) -> bool:
        """Whether the resource is ours by name, tag and project."""
        return self.tagged(resource) and resource.get("name") == self.name

    def our_volumes(self, machine: dict[str, Any], volumes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The volumes that are ours: tagged so, or known from our server, and attached to no other server.

        Root volumes are made by the provider, untagged and with the image's name.
        """
        known = {row["id"] for row in machine.get("volumes") or []}
        server = {machine["server_id"]} if machine.get("server_id") else set()
        return [
            volume
            for volume in volumes
            if project_of(volume) == self.project
            and volume_holders(volume) <= server
            and (self.tagged(volume) or volume["id"] in known)
        ]

    def our_addresses(self, machine: dict[str, Any], addresses: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The addresses that are ours: tagged so, or the dynamic one of our server, and on no server now.

        A flexible address that somebody else put on our server is not ours.
        """
        known = {row["id"] for row in machine.get("addresses") or [] if row.get("dynamic")}
        return [
            row
            for row in addresses
            if self.tagged(row) or (row["id"] in known and project_of(row) == self.project and not row.get("server"))
        ]


def project_of(resource: dict[str, Any]) -> str:
    """The Instance API says project, the Block API project_id."""
    return str(resource.get("project") or resource.get("project_id") or "")


def volume_holders(volume: dict[str, Any]) -> set[str]:
    """Ids of the servers a volume is attached to, in either API's words."""
    if volume.get("server"):
        return {str(volume["server"]["id"])}
    return {str(row.get("product_resource_id")) for row in volume.get("references") or []}


def root_volumes(server: dict[str, Any]) -> list[dict[str, Any]]:
    """The volume that came with the server; one that somebody else attached later is not ours."""
    return [volume for slot, volume in (server.get("volumes") or {}).items() if slot == "0"]


def server_step(server: dict[str, Any]) -> str:
    """The next step towards no server: terminate, delete, wait or locked.

    terminate is refused on a stopped server, DELETE on any other; both end in 404.
    """
    match server.get("state"):
        case "running" | "stopped in place" | "stopped_in_place":
            return "terminate"
        case "stopped":
            return "delete"
        case "locked":
            return "locked"
        case _:
            return "wait"


def volume_step(volume: dict[str, Any]) -> str:
    """delete, or wait while the provider still holds it."""
    state = volume.get("status") or volume.get("state")
    busy = bool(volume_holders(volume)) or state in (
        "in_use",
        "deleting",
        "creating",
        "snapshotting",
        "resizing",
    )
    return "wait" if busy else "delete"


def public_addresses(server: dict[str, Any]) -> list[dict[str, Any]]:
    """The server's public addresses as the ledger keeps them."""
    legacy = [server["public_ip"]] if server.get("public_ip") else []
    return [
        {"id": row.get("id"), "address": row.get("address"), "dynamic": bool(row.get("dynamic"))}
        for row in server.get("public_ips") or legacy
    ]


def ipv4_of(server: dict[str, Any]) -> str | None:
    """The address to log in to, once there is one."""
    return next((str(row["address"]) for row in public_addresses(server) if "." in str(row["address"] or "")), None)


def boot_message(server: dict[str, Any]) -> str:
    """What a waiting person reads."""
    detail = f" ({server['state_detail']})" if server.get("state_detail") else ""
    address = ipv4_of(server)
    return f"{server.get('name')} is {server.get('state')}{detail}, " + (
        f"at {address}" if address else "no address yet"
    )


def ownership(machine: dict[str, Any], server: dict[str, Any]) -> dict[str, Any]:
    """What the ledger must know of a server: the union of what it knew and what the server shows."""
    volumes = {row["id"]: row for row in machine.get("volumes") or []}
    for volume in root_volumes(server):
        volumes[volume["id"]] = {"id": volume["id"], "volume_type": volume.get("volume_type", "l_ssd")}
    addresses = {row["id"]: row for row in machine.get("addresses") or []}
    addresses.update((row["id"], row) for row in public_addresses(server))
    facts: dict[str, Any] = {
        "server_id": server["id"],
        "volumes": list(volumes.values()),
        "addresses": list(addresses.values()),
    }
    return {**facts, "address": ipv4_of(server) or machine.get("address")}


def type_problem(
    types: dict[str, dict[str, Any]], zone: str, commercial_type: str, volume_type: str, volume_size: int
) -> str | None:
    """Why this machine cannot be rented, in one sentence, or None."""
    found = types.get(commercial_type)
    if found is None:
        near = difflib.get_close_matches(commercial_type.upper(), types, n=5, cutoff=0.4) or sorted(types)[:8]
        return f'Zone {zone} has no server type "{commercial_type}"; it has for instance {", ".join(near)}.'
    return next(_problems(found, commercial_type, volume_type, volume_size), None)


def _problems(found: dict[str, Any], commercial_type: str, volume_type: str, volume_size: int) -> Iterator[str]:
    wanted = volume_size // GIGABYTE
    most = int((found.get("volumes_constraint") or {}).get("max_size") or 0)
    if found.get("arch", "x86_64") != "x86_64":
        yield f"{commercial_type} is {found['arch']}; Plex's image needs an x86_64 type such as GP1-S."
    if found.get("end_of_service"):
        yield f"{commercial_type} is retired by Scaleway; choose another type, for instance GP1-S."
    if volume_type not in IMAGE_TYPES:
        yield f'"{volume_type}" is not a volume type; choose one of {", ".join(IMAGE_TYPES)}.'
    if volume_size < SMALLEST_ROOT:
        yield f"A root volume of {wanted} GB is too small; Scaleway's smallest is 10 GB."
    if volume_type == "l_ssd" and volume_size > most:
        yield (
            f"{commercial_type} takes at most {most // GIGABYTE} GB of l_ssd and {wanted} GB were asked for; "
            "lower scaleway_instance_volume_size or set scaleway_instance_volume_type to sbs_volume."
        )
    if volume_type == "sbs_volume" and not (found.get("capabilities") or {}).get("block_storage", True):
        yield f"{commercial_type} takes no block storage; set scaleway_instance_volume_type to l_ssd."


def choose_image(images: list[dict[str, Any]], commercial_type: str, volume_type: str) -> str | None:
    """The id of the x86_64 image for this type and kind of disk."""
    for image in images:
        fits = commercial_type in image.get("compatible_commercial_types", [])
        if fits and image.get("arch") == "x86_64" and image.get("type") == IMAGE_TYPES[volume_type]:
            return str(image["id"])
    return None
