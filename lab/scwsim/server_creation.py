"""POST /servers: what is asked for, what it gets, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .addresses import attach
from .catalogue import IMAGE_SIZE, Image
from .errors import invalid_arguments, invalid_request, not_found, out_of_stock, quotas_exceeded
from .faults import strikes
from .routing import Request, Response, owner
from .security_groups import default_group
from .server_view import server_view
from .simulator import Simulator, new_id
from .store import Record
from .volumes import BLOCK, LOCAL, add_volume

_REQUIRED = "required key not provided"


def _image(simulator: Simulator, zone: str, body: dict[str, Any], root: dict[str, Any]) -> Image:
    """A label means the SBS image, unless the root volume is asked for as local."""
    kind = "instance_local" if root.get("volume_type") == LOCAL else "instance_sbs"
    arch = simulator.catalogue.arch(str(body["commercial_type"]))
    image = simulator.catalogue.image(zone, str(body["image"]), kind, arch)
    if image is None:
        raise not_found("instance_image", str(body["image"]))
    if image.arch != arch:
        raise invalid_arguments(("image", "constraint", f"the image is for {image.arch}, the type is {arch}"))
    return image


def _check_required(body: dict[str, Any]) -> None:
    missing = [name for name in ("commercial_type", "image") if not body.get(name)]
    if missing:
        names = [*missing, "volumes"] if "image" in missing and not body.get("volumes") else missing
        raise invalid_arguments(*((name, "required", _REQUIRED) for name in names))


def _planned_volumes(image: Image, asked: dict[str, Any], local_max: int) -> list[dict[str, Any]]:
    """The volumes to make, the root first: type, size, name or the id of an existing one."""
    root = dict(asked.get("0") or {})
    if not root.get("volume_type"):
        root["volume_type"] = LOCAL if image.local else BLOCK
        # A local image without any wish fills the local disk of the type.
        root["size"] = root.get("size") or (local_max if image.local else IMAGE_SIZE)
    others = [dict(asked[slot]) for slot in sorted(asked, key=int) if slot != "0"]
    return [{"size": IMAGE_SIZE, "volume_type": LOCAL, **volume} for volume in (root, *others)]


def _check_volumes(planned: list[dict[str, Any]], commercial_type: str, local_max: int) -> None:
    for volume in planned:
        if volume["volume_type"] not in {LOCAL, BLOCK}:
            raise invalid_arguments(("volumes", "constraint", f"unknown type {volume['volume_type']}"))
        if int(volume["size"]) % 512:
            raise invalid_arguments(("volumes", "constraint", "size must be a multiple of 512"))
    if int(planned[0]["size"]) < IMAGE_SIZE:
        raise invalid_arguments(("volumes", "constraint", f"the root volume needs {IMAGE_SIZE} bytes"))
    local = sum(int(volume["size"]) for volume in planned if volume["volume_type"] == LOCAL)
    if local > local_max:
        message = f"the total size of local volumes of {commercial_type} must be at most {local_max}"
        raise invalid_arguments(("volumes", "constraint", message))


def _add_volumes(simulator: Simulator, server: Record, planned: list[dict[str, Any]], image: Image) -> None:
    for slot, plan in enumerate(planned):
        volume = simulator.store.find("volumes", server["zone"], str(plan.get("id", "")))
        if volume is not None and volume["server"]:
            raise invalid_request(f"volume {volume['id']} is attached to another server")
        if volume is None:
            suffix = f"_sbs_volume_{slot}" if plan["volume_type"] == BLOCK else ""
            name = str(plan.get("name") or f"{image.name}{suffix}")
            volume = add_volume(
                simulator,
                server["zone"],
                server["project"],
                kind=plan["volume_type"],
                name=name,
                size=int(plan["size"]),
                image=image,
            )
        volume["server"] = {"id": server["id"], "name": server["name"]}


def add_server(
    simulator: Simulator, zone: str, project: str, body: Mapping[str, Any], *, image: str, group: str
) -> Record:
    """Remember a new stopped server of a checked body."""
    now = simulator.now()
    identifier = new_id()
    digits = identifier.replace("-", "")[:8]
    pairs = (digits[start : start + 2] for start in range(0, 8, 2))
    return simulator.store.add(
        "servers",
        {
            "id": identifier,
            "zone": zone,
            "name": str(body.get("name") or f"srv-{digits}"),
            "project": project,
            "commercial_type": body["commercial_type"],
            "boot_type": body.get("boot_type") or "local",
            "tags": list(body.get("tags") or []),
            "state": "stopped",
            "state_detail": "",
            "protected": bool(body.get("protected", False)),
            "dynamic_ip_required": bool(body.get("dynamic_ip_required", True)),
            "creation_date": now,
            "modification_date": now,
            "security_group": group,
            "image": image,
            "location": None,
            "mac_address": f"de:00:{':'.join(pairs)}",
            "user_data": {},
            "machine_address": None,
            "created": simulator.seconds(),
            "step": None,
        },
    )


def _check_supply(simulator: Simulator, commercial_type: str) -> None:
    servers = simulator.store.records("servers")
    current = sum(server["commercial_type"] == commercial_type for server in servers)
    lowered = strikes(simulator, "quota")
    quota = int(lowered["quota"]) if lowered else simulator.catalogue.quota(commercial_type)
    if current >= quota:
        raise quotas_exceeded(f"cp_servers_type_{commercial_type.replace('-', '_')}", quota, current)
    if strikes(simulator, "out_of_stock", at="create"):
        raise out_of_stock(commercial_type)


def create_server(simulator: Simulator, request: Request) -> Response:
    """Make a stopped server with its volumes; nothing boots."""
    body = request.json()
    _check_required(body)
    zone, commercial_type = request.zone, str(body["commercial_type"])
    asked = body.get("volumes") or {}
    local_max = simulator.catalogue.local_storage_max(zone, commercial_type)
    if local_max is None:
        message = f"{commercial_type} is not offered in {zone}"
        raise invalid_arguments(("commercial_type", "constraint", message))
    _check_supply(simulator, commercial_type)
    image = _image(simulator, zone, body, asked.get("0") or {})
    planned = _planned_volumes(image, asked, local_max)
    _check_volumes(planned, commercial_type, local_max)
    addresses = []
    for reference in [*(body.get("public_ips") or []), *filter(None, [body.get("public_ip")])]:
        address = simulator.store.find("ips", zone, str(reference))
        if address is None:
            raise not_found("instance_ip", str(reference))
        addresses.append(address)
    group = str(body.get("security_group") or "")
    if not group:
        group = default_group(simulator, zone, owner(request, body))["id"]
    elif simulator.store.find("security_groups", zone, group) is None:
        raise not_found("instance_security_group", group)
    server = add_server(simulator, zone, owner(request, body), body, image=image.id, group=group)
    _add_volumes(simulator, server, planned, image)
    for address in addresses:
        attach(simulator, address, server)
    location = {"Location": f"https://api.scaleway.com{request.path.rstrip('/')}/{server['id']}"}
    return Response(201, {"server": server_view(simulator, server)}, location)
