"""What a caller may do: permission sets, their scope, and which right a call needs."""

from __future__ import annotations

import re
from typing import Any

from .errors import permissions_denied
from .identity import Principal
from .routing import Request, owner
from .simulator import Simulator

# Permission set → (area, write too). Scoped to projects, but for IAM, which is the organization's.
PERMISSION_SETS: dict[str, tuple[tuple[str, ...], bool]] = {
    "AllProductsReadOnly": (("instance", "block", "ssh"), False),
    "AllProductsFullAccess": (("instance", "block", "ssh"), True),
    "InstancesReadOnly": (("instance",), False),
    "InstancesFullAccess": (("instance",), True),
    "BlockStorageReadOnly": (("block",), False),
    "BlockStorageFullAccess": (("block",), True),
    "SSHKeysReadOnly": (("ssh",), False),
    "SSHKeysFullAccess": (("ssh",), True),
    "IAMReadOnly": (("iam",), False),
    "IAMManager": (("iam",), True),
}
# Area → what the refusal names; `volume` and `ssh_key` are recorded, the others assumed.
_AREAS = (
    (re.compile(r"/instance/v1/zones/[^/]+/(?P<what>\w+)"), "instance", "compute_{what}"),
    (re.compile(r"/block/"), "block", "volume"),
    (re.compile(r"/iam/v1alpha1/ssh-keys"), "ssh", "ssh_key"),
    (re.compile(r"/iam/v1alpha1/(?P<what>[\w-]+)"), "iam", "{what}"),
)


def _granted(principal: Principal, area: str, *, write: bool) -> frozenset[str] | None:
    """The projects in which the caller has the right; None: in all."""
    projects: set[str] = set()
    for rule in principal.rules or ():
        for name in rule["permission_set_names"]:
            areas, writes = PERMISSION_SETS[name]
            if area not in areas or (write and not writes):
                continue
            if rule["organization_id"]:
                return None
            projects.update(rule["project_ids"] or ())
    return frozenset(projects)


def _action(request: Request, area: str) -> str:
    if request.method == "GET":
        return "read"
    if area in {"instance", "block"}:
        return "write"
    return {"POST": "create", "DELETE": "delete"}.get(request.method, "update")


def _subject(simulator: Simulator, request: Request) -> dict[str, Any] | None:
    """The existing resource that the call is about."""
    if "id" not in request.parameters:
        return None
    collection = request.path.split(request.parameters["id"])[0].rstrip("/").rsplit("/", 1)[-1].replace("-", "_")
    return simulator.store.find(collection, request.zone, request.id) if simulator.store.has(collection) else None


def permitted(simulator: Simulator, principal: Principal, request: Request) -> frozenset[str] | None:
    """The projects that the call may see, None for all; ApiError 403 where the caller has no right to it."""
    if principal.rules is None:
        return None
    found = ((area, template, match) for pattern, area, template in _AREAS if (match := pattern.match(request.path)))
    known = next(found, None)
    if known is None:
        return None
    area, template, match = known
    action = _action(request, area)
    projects = _granted(principal, area, write=action != "read")
    if projects is None:
        return None
    resource = template.format(**match.groupdict())
    if not projects:
        raise permissions_denied(resource, action)
    subject = _subject(simulator, request)
    if subject is not None and subject.get("project", subject.get("project_id")) not in projects:
        raise permissions_denied(resource, action)
    creates = request.method == "POST" and "id" not in request.parameters
    if creates and owner(request, request.json()) not in projects:
        # What the Instance API was seen to answer for a project out of reach.
        raise permissions_denied(*(("project", "read") if area == "instance" else (resource, action)))
    asked = request.argument("project") or request.argument("project_id")
    if request.method == "GET" and asked and asked not in projects:
        raise permissions_denied(resource, action)
    return projects
