# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key of the run's dead-man switch: an IAM application with one right in one project, and a key that expires.

All three carry the run's name and tag, so that whoever removes the run removes them, with or without a ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ledger as ledgers
from .scaleway_client import Client
from .scaleway_errors import AmbiguousError, ScalewayError
from .scaleway_judgement import Identity

IAM = "/iam/v1alpha1"
RIGHT = "InstancesFullAccess"
DESCRIPTION = "The dead-man switch of one machine; removed with it."


def may_not(error: ScalewayError) -> bool:
    """Whether the owner's key simply has no rights in IAM, which is no fault."""
    return error.answer.status == 403


def applications(client: Client, identity: Identity, organization: str) -> list[dict[str, Any]]:
    """The run's applications: by exact name and tag."""
    query = {"organization_id": organization, "name": identity.name}
    found = client.list_all(f"{IAM}/applications", "applications", query)
    return [row for row in found if row.get("name") == identity.name and identity.run_tag in (row.get("tags") or [])]


def policies(client: Client, identity: Identity, organization: str) -> list[dict[str, Any]]:
    """The run's policies: by exact name and tag."""
    query = {"organization_id": organization, "policy_name": identity.name}
    found = client.list_all(f"{IAM}/policies", "policies", query)
    return [row for row in found if row.get("name") == identity.name and identity.run_tag in (row.get("tags") or [])]


def make_key(client: Client, identity: Identity, server: dict[str, Any], run_dir: str, expires_at: str) -> str:
    """The secret of a new key; an older key of the run, whose secret nobody has any more, is removed."""
    organization = str(server["organization"])
    ledgers.merge(run_dir, {"machine": {"organization": organization, "switch_key": "asked for"}})
    tags = ["plex-burst", identity.run_tag, f"plex-burst-expires={expires_at}"]
    common = {"name": identity.name, "description": DESCRIPTION, "organization_id": organization, "tags": tags}
    application = _once(
        lambda: applications(client, identity, organization),
        lambda: dict(client.call("POST", f"{IAM}/applications", common).body),
    )
    rule = {"permission_set_names": [RIGHT], "project_ids": [identity.project]}
    body = {**common, "application_id": application["id"], "rules": [rule]}
    _once(
        lambda: policies(client, identity, organization),
        lambda: dict(client.call("POST", f"{IAM}/policies", body).body),
    )
    remove_keys(client, organization, application["id"])
    key = client.call(
        "POST",
        f"{IAM}/api-keys",
        {
            "application_id": application["id"],
            "description": DESCRIPTION,
            "expires_at": expires_at,
            "default_project_id": identity.project,
        },
    ).body
    ledgers.merge(run_dir, {"machine": {"switch_key": key["access_key"]}})
    return str(key["secret_key"])


def _once(find: Callable[[], list[dict[str, Any]]], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The one that is there, else a new one; after an answer that never came, look instead of asking again."""
    found = find()
    if found:
        return found[0]
    try:
        return make()
    except AmbiguousError:
        found = find()
        if not found:
            raise
        return found[0]


def remove_keys(client: Client, organization: str, application_id: str) -> None:
    """Every key of one application of ours."""
    query = {"organization_id": organization, "application_id": application_id, "page": 1, "page_size": 100}
    answer = client.call("GET", f"{IAM}/api-keys", query=query)
    for key in answer.body["api_keys"]:
        if key.get("application_id") == application_id:
            client.call("DELETE", f"{IAM}/api-keys/{key['access_key']}", missing_ok=True)


def remove_all(client: Client, identity: Identity, organization: str, check: bool) -> list[str]:
    """Remove key, policy and application, in this order, and say what was done; empty means that there was nothing."""
    done = []
    for application in applications(client, identity, organization):
        if not check:
            remove_keys(client, organization, application["id"])
        done.append(f"delete the keys of application {application['id']}")
    for policy in policies(client, identity, organization):
        if not check:
            client.call("DELETE", f"{IAM}/policies/{policy['id']}", missing_ok=True)
        done.append(f"delete policy {policy['id']}")
    for application in applications(client, identity, organization):
        if not check:
            client.call("DELETE", f"{IAM}/applications/{application['id']}", missing_ok=True)
        done.append(f"delete application {application['id']}")
    return done
