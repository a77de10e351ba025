"""IAM policies: which application may do what in which projects. Conditions are remembered, not judged."""

from __future__ import annotations

from typing import Any

from .errors import invalid_arguments
from .iam import find, shown
from .permissions import PERMISSION_SETS
from .routing import Request, Response, counted_page_of, route
from .simulator import Simulator, new_id
from .store import Record


def _rule(asked: dict[str, Any]) -> dict[str, Any]:
    names = list(asked.get("permission_set_names") or [])
    unknown = [name for name in names if name not in PERMISSION_SETS]
    if unknown:
        raise invalid_arguments(("permission_set_names", "unknown", f"no such permission set: {', '.join(unknown)}"))
    if not asked.get("project_ids") and not asked.get("organization_id"):
        raise invalid_arguments(("rules", "constraint", "a rule needs project_ids or organization_id"))
    return {
        "id": new_id(),
        "permission_set_names": names,
        "permission_sets_scope_type": "organization" if asked.get("organization_id") else "projects",
        "project_ids": list(asked.get("project_ids") or []) or None,
        "organization_id": asked.get("organization_id"),
        "account_root_user_id": None,
        "condition": str(asked.get("condition") or ""),
    }


def _view(record: Record) -> dict[str, Any]:
    scopes = {scope for rule in record["rules"] for scope in rule["project_ids"] or [rule["organization_id"]]}
    names = {name for rule in record["rules"] for name in rule["permission_set_names"]}
    counts = {"nb_rules": len(record["rules"]), "nb_scopes": len(scopes), "nb_permission_sets": len(names)}
    return {**shown(record, "rules"), **counts, "editable": True, "deletable": True, "managed": False}


def _create(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    if not body.get("name"):
        raise invalid_arguments(("name", "required", "required key not provided"))
    application = body.get("application_id")
    if application:
        find(simulator, "applications", "application", str(application))
    record = {
        "id": new_id(),
        "zone": "",
        "name": str(body["name"]),
        "description": str(body.get("description") or ""),
        "organization_id": simulator.account.project,
        "created_at": simulator.now(),
        "updated_at": simulator.now(),
        "tags": list(body.get("tags") or []),
        "application_id": application,
        "user_id": body.get("user_id"),
        "group_id": body.get("group_id"),
        "no_principal": bool(body.get("no_principal", False)),
        "rules": [_rule(asked) for asked in body.get("rules") or []],
    }
    return Response(200, _view(simulator.store.add("policies", record)))


def _list(simulator: Simulator, request: Request) -> Response:
    applications = {value for text in request.query.get("application_ids", []) for value in text.split(",") if value}
    views = [
        _view(record)
        for record in simulator.store.records("policies")
        if request.argument("policy_name") in record["name"]
        and request.argument("tag") in {"", *record["tags"]}
        and (not applications or record["application_id"] in applications)
    ]
    return counted_page_of(request, "policies", views)


def _get(simulator: Simulator, request: Request) -> Response:
    return Response(200, _view(find(simulator, "policies", "policy", request.id)))


def _delete(simulator: Simulator, request: Request) -> Response:
    simulator.store.remove("policies", find(simulator, "policies", "policy", request.id)["id"])
    return Response(204)


def _list_rules(simulator: Simulator, request: Request) -> Response:
    policy = find(simulator, "policies", "policy", request.argument("policy_id"))
    return counted_page_of(request, "rules", policy["rules"])


def _set_rules(simulator: Simulator, request: Request) -> Response:
    body = request.json()
    policy = find(simulator, "policies", "policy", str(body.get("policy_id")))
    policy.update(rules=[_rule(asked) for asked in body.get("rules") or []], updated_at=simulator.now())
    return Response(200, {"rules": policy["rules"]})


_IAM = "/iam/v1alpha1"
ROUTES = (
    route("GET", f"{_IAM}/policies", _list),
    route("POST", f"{_IAM}/policies", _create),
    route("GET", f"{_IAM}/policies/{{id}}", _get),
    route("DELETE", f"{_IAM}/policies/{{id}}", _delete),
    route("GET", f"{_IAM}/rules", _list_rules),
    route("PUT", f"{_IAM}/rules", _set_rules),
)
