"""SSH keys of a project: root of every machine that boots accepts them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from .errors import invalid_arguments
from .iam import find, shown
from .routing import Request, Response, counted_page_of, owner, route
from .simulator import Simulator, new_id
from .store import Record

_TAG = "AUTHORIZED_KEY="


def authorized_keys(simulator: Simulator, server: Record) -> list[str]:
    """What root of the server's machine accepts: the project's keys and those in the server's tags."""
    keys = simulator.store.records("ssh_keys")
    of_project = [key["public_key"] for key in keys if key["project_id"] == server["project"] and not key["disabled"]]
    return [*of_project, *(tag.removeprefix(_TAG).replace("_", " ") for tag in server["tags"] if tag.startswith(_TAG))]


def _fingerprint(public_key: str) -> str:
    parts = public_key.split()
    try:
        material = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error):
        material = b""
    # A key's material begins with the length and the name of its own kind.
    if not parts or material[4 : 4 + len(parts[0])] != parts[0].encode():
        kind = parts[0] if parts else ""
        raise invalid_arguments(("public_key", "constraint", f"invalid key type: {kind}"))
    digest = base64.b64encode(hashlib.sha256(material).digest()).decode().rstrip("=")
    return f"256 SHA256:{digest} ({parts[0]})"


def _create(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    public_key = str(body.get("public_key") or "").strip()
    project = owner(request, body)
    record = {
        "id": new_id(),
        "zone": "",
        "name": str(body.get("name") or ""),
        "public_key": public_key,
        "fingerprint": _fingerprint(public_key),
        "created_at": simulator.now(),
        "updated_at": simulator.now(),
        "organization_id": simulator.account.project,
        "project_id": project,
        "disabled": False,
    }
    return Response(200, shown(simulator.store.add("ssh_keys", record)))


def _list(simulator: Simulator, request: Request) -> Response:
    views: list[dict[str, Any]] = [
        shown(record)
        for record in simulator.store.records("ssh_keys")
        if request.shows(record)
        and request.argument("project_id") in {"", record["project_id"]}
        and request.argument("name") in record["name"]
    ]
    return counted_page_of(request, "ssh_keys", views)


def _get(simulator: Simulator, request: Request) -> Response:
    return Response(200, shown(find(simulator, "ssh_keys", "ssh_key", request.id)))


def _patch(simulator: Simulator, request: Request) -> Response:
    record = find(simulator, "ssh_keys", "ssh_key", request.id)
    body = request.json()
    record.update({key: body[key] for key in ("name", "disabled") if body.get(key) is not None})
    record["updated_at"] = simulator.now()
    return Response(200, shown(record))


def _delete(simulator: Simulator, request: Request) -> Response:
    simulator.store.remove("ssh_keys", find(simulator, "ssh_keys", "ssh_key", request.id)["id"])
    return Response(204)


_KEYS = "/iam/v1alpha1/ssh-keys"
ROUTES = (
    route("GET", _KEYS, _list),
    route("POST", _KEYS, _create),
    route("GET", f"{_KEYS}/{{id}}", _get),
    route("PATCH", f"{_KEYS}/{{id}}", _patch),
    route("DELETE", f"{_KEYS}/{{id}}", _delete),
)
