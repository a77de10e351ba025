"""Volumes: l_ssd in the Instance API, SBS in the Block Storage API, each unknown to the other."""

from __future__ import annotations

from typing import Any

from .catalogue import IMAGE_SIZE, Image
from .errors import invalid_arguments, not_found, still_in_use
from .routing import Request, Response, counted_page_of, has_tags, owner, page_of, route
from .simulator import Simulator, new_id
from .store import Record

LOCAL = "l_ssd"
BLOCK = "sbs_volume"


def add_volume(
    simulator: Simulator,
    zone: str,
    project: str,
    *,
    kind: str,
    name: str,
    size: int,
    image: Image | None = None,
) -> Record:
    """Remember a new volume that is attached to nothing."""
    now = simulator.now()
    return simulator.store.add(
        "volumes",
        {
            "id": new_id(),
            "zone": zone,
            "name": name,
            "volume_type": kind,
            "size": size,
            "project": project,
            "state": "available",
            "creation_date": now,
            "modification_date": now,
            "tags": [],
            "server": None,
            "reference_id": new_id(),
            "parent_snapshot_id": image.root_snapshot if image else None,
            "last_detached_at": None,
            "perf_iops": 5000,
        },
    )


def detach(simulator: Simulator, volume: Record) -> None:
    """Free the volume of its server: it lives on, and bills."""
    now = simulator.now()
    volume.update(server=None, state="available", last_detached_at=now, modification_date=now)


def local_view(volume: Record) -> dict[str, Any]:
    """An l_ssd volume as the Instance API tells it."""
    shown = ("id", "name", "volume_type", "project", "server", "size", "state")
    dates = ("creation_date", "modification_date", "tags", "zone")
    view: dict[str, Any] = {key: volume[key] for key in (*shown, *dates)}
    return view | {"organization": volume["project"], "export_uri": None}


def _block_time(text: str | None) -> str | None:
    return text.replace("+00:00", "Z") if text else None


def block_view(volume: Record) -> dict[str, Any]:
    """An SBS volume as the Block Storage API tells it."""
    references = []
    if volume["server"]:
        references.append(
            {
                "id": volume["reference_id"],
                "product_resource_type": "instance_server",
                "product_resource_id": volume["server"]["id"],
                "created_at": _block_time(volume["creation_date"]),
                "type": "exclusive",
                "status": "attached",
            }
        )
    return {
        "id": volume["id"],
        "name": volume["name"],
        "type": f"sbs_{volume['perf_iops'] // 1000}k",
        "size": volume["size"],
        "project_id": volume["project"],
        "created_at": _block_time(volume["creation_date"]),
        "updated_at": _block_time(volume["modification_date"]),
        "references": references,
        "parent_snapshot_id": volume["parent_snapshot_id"],
        "status": "in_use" if volume["server"] else "available",
        "tags": volume["tags"],
        "specs": {"perf_iops": volume["perf_iops"], "class": "sbs"},
        "last_detached_at": _block_time(volume["last_detached_at"]),
        "kms_key_id": None,
        "zone": volume["zone"],
    }


def _find(simulator: Simulator, request: Request, kind: str) -> Record:
    volume = simulator.store.find("volumes", request.zone, request.id)
    if volume is None or volume["volume_type"] != kind:
        raise not_found("instance_volume" if kind == LOCAL else "volume", request.id)
    return volume


def _matching(simulator: Simulator, request: Request, kind: str) -> list[Record]:
    project = request.argument("project") or request.argument("project_id")
    return [
        volume
        for volume in simulator.store.records("volumes", request.zone)
        if volume["volume_type"] == kind
        and request.shows(volume)
        and project in {"", volume["project"]}
        and request.argument("name") in volume["name"]
        and has_tags(volume, request)
    ]


def _change(simulator: Simulator, volume: Record, body: dict[str, Any]) -> None:
    volume.update({key: body[key] for key in ("name", "tags") if body.get(key) is not None})
    volume["modification_date"] = simulator.now()


def _list_local(simulator: Simulator, request: Request) -> Response:
    return page_of(request, "volumes", [local_view(v) for v in _matching(simulator, request, LOCAL)])


def _create_local(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    if body.get("volume_type", LOCAL) != LOCAL:
        raise invalid_arguments(("volume_type", "constraint", "this API makes l_ssd volumes only"))
    size = int(body.get("size") or IMAGE_SIZE)
    name = str(body.get("name", "volume"))
    volume = add_volume(simulator, request.zone, owner(request, body), kind=LOCAL, name=name, size=size)
    return Response(201, {"volume": local_view(volume)})


def _get_local(simulator: Simulator, request: Request) -> Response:
    return Response(200, {"volume": local_view(_find(simulator, request, LOCAL))})


def _patch_local(simulator: Simulator, request: Request) -> Response:
    volume = _find(simulator, request, LOCAL)
    _change(simulator, volume, request.json())
    return Response(200, {"volume": local_view(volume)})


def _delete(simulator: Simulator, volume: Record) -> Response:
    if volume["server"]:
        raise still_in_use("the volume is attached to a server")
    simulator.store.remove("volumes", volume["id"])
    return Response(204)


def _list_block(simulator: Simulator, request: Request) -> Response:
    views = [block_view(volume) for volume in _matching(simulator, request, BLOCK)]
    return counted_page_of(request, "volumes", views)


def _create_block(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    size = int((body.get("from_empty") or {}).get("size") or IMAGE_SIZE)
    name = str(body.get("name", "volume"))
    volume = add_volume(simulator, request.zone, owner(request, body), kind=BLOCK, name=name, size=size)
    volume.update(tags=list(body.get("tags") or []), perf_iops=int(body.get("perf_iops") or 5000))
    return Response(200, block_view(volume))


def _get_block(simulator: Simulator, request: Request) -> Response:
    return Response(200, block_view(_find(simulator, request, BLOCK)))


def _patch_block(simulator: Simulator, request: Request) -> Response:
    volume = _find(simulator, request, BLOCK)
    body = request.json()
    if body.get("size"):
        volume["size"] = int(body["size"])
    _change(simulator, volume, body)
    return Response(200, block_view(volume))


_LOCAL = "/instance/v1/zones/{zone}/volumes"
_BLOCK = r"/block/v1(?:alpha1)?/zones/{zone}/volumes"
ROUTES = (
    route("GET", _LOCAL, _list_local),
    route("POST", _LOCAL, _create_local),
    route("GET", f"{_LOCAL}/{{id}}", _get_local),
    route("PATCH", f"{_LOCAL}/{{id}}", _patch_local),
    route("DELETE", f"{_LOCAL}/{{id}}", lambda s, r: _delete(s, _find(s, r, LOCAL))),
    route("GET", _BLOCK, _list_block),
    route("POST", _BLOCK, _create_block),
    route("GET", f"{_BLOCK}/{{id}}", _get_block),
    route("PATCH", f"{_BLOCK}/{{id}}", _patch_block),
    route("DELETE", f"{_BLOCK}/{{id}}", lambda s, r: _delete(s, _find(s, r, BLOCK))),
)
