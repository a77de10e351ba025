"""IAM: applications, their API keys (secret shown once), policies and rules."""

from __future__ import annotations

import secrets
import string
from datetime import datetime
from typing import Any

from .errors import invalid_arguments, not_found
from .permissions import PERMISSION_SETS
from .routing import Request, Response, counted_page_of, route
from .simulator import Simulator, new_id
from .store import Record

_REQUIRED = "required key not provided"
_FIXED = {"editable": True, "deletable": True, "managed": False}


def find(simulator: Simulator, kind: str, name: str, identifier: str) -> Record:
    """The record of this kind; ApiError 404 with the resource's name."""
    record = simulator.store.find(kind, "", identifier)
    if record is None:
        raise not_found(name, identifier)
    return record


def shown(record: Record, *hidden: str) -> dict[str, Any]:
    """The record without what is the stand-in's own."""
    return {key: value for key, value in record.items() if key not in {"serial", "zone", *hidden}}


def _application(simulator: Simulator, record: Record) -> dict[str, Any]:
    keys = [key for key in simulator.store.records("api_keys") if key["application_id"] == record["id"]]
    return {**shown(record), **_FIXED, "nb_api_keys": len(keys)}


def _required(body: dict[str, Any], *names: str) -> None:
    missing = [name for name in names if not body.get(name)]
    if missing:
        raise invalid_arguments(*((name, "required", _REQUIRED) for name in missing))


def _create_application(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    _required(body, "name")
    record = {
        "id": new_id(),
        "zone": "",
        "name": str(body["name"]),
        "description": str(body.get("description") or ""),
        "organization_id": simulator.account.project,
        "created_at": simulator.now(),
        "updated_at": simulator.now(),
        "tags": list(body.get("tags") or []),
    }
    return Response(200, _application(simulator, simulator.store.add("applications", record)))


def _list_applications(simulator: Simulator, request: Request) -> Response:
    views = [
        _application(simulator, record)
        for record in simulator.store.records("applications")
        if request.argument("name") in record["name"] and request.argument("tag") in {"", *record["tags"]}
    ]
    return counted_page_of(request, "applications", views)


def _get_application(simulator: Simulator, request: Request) -> Response:
    return Response(200, _application(simulator, find(simulator, "applications", "application", request.id)))


def _delete_application(simulator: Simulator, request: Request) -> Response:
    application = find(simulator, "applications", "application", request.id)
    for kind in ("api_keys", "policies"):
        for record in simulator.store.records(kind):
            if record["application_id"] == application["id"]:
                simulator.store.remove(kind, record["id"])
    simulator.store.remove("applications", application["id"])
    return Response(204)


def _moment(name: str, text: Any) -> str | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(str(text)).isoformat()
    except ValueError as error:
        raise invalid_arguments((name, "format", f"{text} is no time")) from error


def api_key_view(record: Record) -> dict[str, Any]:
    """The key without its secret."""
    return {**shown(record, "id", "secret_key"), **_FIXED, "creation_ip": "10.213.79.1"}


def _create_api_key(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    if not body.get("user_id"):
        _required(body, "application_id")
        find(simulator, "applications", "application", str(body["application_id"]))
    alphabet = string.ascii_uppercase + string.digits
    access_key = "SCW" + "".join(secrets.choice(alphabet) for _ in range(17))
    record = {
        "id": access_key,
        "zone": "",
        "access_key": access_key,
        "secret_key": new_id(),
        "application_id": body.get("application_id"),
        "user_id": body.get("user_id"),
        "description": str(body.get("description") or ""),
        "default_project_id": str(body.get("default_project_id") or simulator.account.project),
        "created_at": simulator.now(),
        "updated_at": simulator.now(),
        "expires_at": _moment("expires_at", body.get("expires_at")),
    }
    simulator.store.add("api_keys", record)
    return Response(200, {**api_key_view(record), "secret_key": record["secret_key"]})


def _list_api_keys(simulator: Simulator, request: Request) -> Response:
    application = request.argument("application_id") or request.argument("bearer_id")
    views = [
        api_key_view(record)
        for record in simulator.store.records("api_keys")
        if application in {"", record["application_id"]}
    ]
    return counted_page_of(request, "api_keys", views)


def _get_api_key(simulator: Simulator, request: Request) -> Response:
    return Response(200, api_key_view(find(simulator, "api_keys", "api_key", request.id)))


def _patch_api_key(simulator: Simulator, request: Request) -> Response:
    record = find(simulator, "api_keys", "api_key", request.id)
    body = request.json()
    record.update({key: body[key] for key in ("description", "default_project_id") if body.get(key) is not None})
    if "expires_at" in body:
        record["expires_at"] = _moment("expires_at", body["expires_at"])
    record["updated_at"] = simulator.now()
    return Response(200, api_key_view(record))


def _delete_api_key(simulator: Simulator, request: Request) -> Response:
    simulator.store.remove("api_keys", find(simulator, "api_keys", "api_key", request.id)["id"])
    return Response(204)


def _list_permission_sets(_simulator: Simulator, request: Request) -> Response:
    views: list[dict[str, Any]] = [
        {
            "id": name,
            "name": name,
            "description": "",
            "scope_type": "organization" if "iam" in areas else "projects",
            "categories": [],
        }
        for name, (areas, _) in sorted(PERMISSION_SETS.items())
    ]
    return counted_page_of(request, "permission_sets", views)


_IAM = "/iam/v1alpha1"
ROUTES = (
    route("GET", f"{_IAM}/applications", _list_applications),
    route("POST", f"{_IAM}/applications", _create_application),
    route("GET", f"{_IAM}/applications/{{id}}", _get_application),
    route("DELETE", f"{_IAM}/applications/{{id}}", _delete_application),
    route("GET", f"{_IAM}/api-keys", _list_api_keys),
    route("POST", f"{_IAM}/api-keys", _create_api_key),
    route("GET", f"{_IAM}/api-keys/{{id}}", _get_api_key),
    route("PATCH", f"{_IAM}/api-keys/{{id}}", _patch_api_key),
    route("DELETE", f"{_IAM}/api-keys/{{id}}", _delete_api_key),
    route("GET", f"{_IAM}/permission-sets", _list_permission_sets),
)
