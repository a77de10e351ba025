"""IAM of the Scaleway stand-in: keys that expire, policies with a scope, and refusals that name the missing right."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import BLOCK, PROJECT, ZONE, Cloud

OTHER = "44444444-4444-4444-8444-444444444444"
IAM = "/iam/v1alpha1"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6vXW8VJjO5y4Wf6vDkYp3r6v5JmQm3C5rXqj0mYk2W someone"


def made(cloud: Cloud, path: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answered, _ = cloud.call("POST", f"{IAM}/{path}", body)
    assert status == 200, answered
    thing: dict[str, Any] = answered
    return thing


def key(cloud: Cloud, *names: str, project: str = PROJECT, **more: Any) -> dict[str, Any]:
    """An API key of a new application with these permission sets in the project."""
    application = made(cloud, "applications", {"name": "guard", "tags": ["run"]})
    rules = [{"permission_set_names": list(names), "project_ids": [project]}]
    made(cloud, "policies", {"name": "p", "application_id": application["id"], "rules": rules if names else []})
    body = {"application_id": application["id"], "default_project_id": project, **more}
    return made(cloud, "api-keys", body)


def test_the_secret_of_a_key_is_shown_once(cloud: Cloud) -> None:
    created = key(cloud, "InstancesFullAccess")
    assert created["access_key"].startswith("SCW")
    assert len(created["access_key"]) == 20
    shown = cloud.call("GET", f"{IAM}/api-keys/{created['access_key']}")[1]
    listed = cloud.call("GET", f"{IAM}/api-keys?application_id={created['application_id']}")[1]
    state = cloud.call("GET", "/_lab/state")[1]
    assert shown["default_project_id"] == PROJECT
    assert [created["secret_key"] in str(answer) for answer in (shown, listed, state)] == [False, False, False]


def test_a_key_lives_until_its_time_is_over(cloud: Cloud) -> None:
    created = key(cloud, "InstancesFullAccess", expires_at="2026-07-30T13:00:00Z")
    token = created["secret_key"]
    assert cloud.call("GET", f"{ZONE}/servers", token=token)[0] == 200
    cloud.call("POST", "/_lab/clock", {"advance_seconds": 3601})
    status, refusal, _ = cloud.call("GET", f"{ZONE}/servers", token=token)
    assert (status, refusal["type"], refusal["reason"]) == (401, "denied_authentication", "expired")


@pytest.mark.parametrize("gone", ["api-keys/{access_key}", "applications/{application_id}"])
def test_a_deleted_key_is_not_known(cloud: Cloud, gone: str) -> None:
    created = key(cloud, "InstancesFullAccess")
    assert cloud.call("DELETE", f"{IAM}/{gone.format(**created)}")[0] == 204
    status, refusal, _ = cloud.call("GET", f"{ZONE}/servers", token=created["secret_key"])
    assert (status, refusal["reason"]) == (401, "not_found")


SERVER = {"name": "x", "commercial_type": "DEV1-S", "image": "ubuntu_noble", "volumes": {}}


@pytest.mark.parametrize(
    ("sets", "method", "path", "missing"),
    [
        ((), "GET", f"{ZONE}/servers", "compute_servers read"),
        (("InstancesReadOnly",), "GET", f"{ZONE}/servers", ""),
        (("InstancesReadOnly",), "POST", f"{ZONE}/servers", "compute_servers write"),
        (("InstancesReadOnly",), "POST", f"{ZONE}/servers/{{server}}/action", "compute_servers write"),
        (("InstancesReadOnly",), "DELETE", f"{ZONE}/servers/{{server}}", "compute_servers write"),
        (("InstancesFullAccess",), "POST", f"{ZONE}/servers", ""),
        (("InstancesFullAccess",), "POST", f"{ZONE}/ips", ""),
        (("InstancesFullAccess",), "GET", f"{BLOCK}/volumes", "volume read"),
        (("InstancesFullAccess",), "DELETE", f"{BLOCK}/volumes/{{server}}", "volume write"),
        (("BlockStorageFullAccess",), "GET", f"{BLOCK}/volumes", ""),
        (("BlockStorageFullAccess",), "GET", f"{ZONE}/volumes", "compute_volumes read"),
        (("InstancesFullAccess",), "POST", f"{IAM}/ssh-keys", "ssh_key create"),
        (("SSHKeysReadOnly",), "GET", f"{IAM}/ssh-keys", ""),
        (("AllProductsFullAccess",), "GET", f"{IAM}/api-keys", "api-keys read"),
        (("AllProductsReadOnly",), "GET", f"{BLOCK}/volumes", ""),
    ],
)
def test_a_refusal_names_the_missing_right(
    cloud: Cloud, sets: tuple[str, ...], method: str, path: str, missing: str
) -> None:
    server = cloud.create()["id"]
    token = key(cloud, *sets)["secret_key"]
    status, answered, _ = cloud.call(method, path.format(server=server), dict(SERVER), token)
    if not missing:
        assert status < 300, answered
        return
    resource, action = missing.split()
    assert (status, answered["type"]) == (403, "permissions_denied")
    assert answered["details"] == [{"resource": resource, "action": action}]


def test_a_scoped_key_sees_and_touches_its_project_alone(cloud: Cloud) -> None:
    ours = cloud.create(name="ours")
    theirs = cloud.create(name="theirs", project=OTHER)
    token = key(cloud, "InstancesFullAccess")["secret_key"]
    listed = cloud.call("GET", f"{ZONE}/servers", token=token)[1]["servers"]
    assert [server["id"] for server in listed] == [ours["id"]]
    assert len(cloud.call("GET", f"{ZONE}/volumes", token=token)[1]["volumes"]) == 1
    assert cloud.call("GET", f"{ZONE}/servers?project={OTHER}", token=token)[0] == 403
    for method, end in (("GET", ""), ("DELETE", ""), ("POST", "/action"), ("GET", "/user_data")):
        path = f"{ZONE}/servers/{theirs['id']}{end}"
        assert cloud.call(method, path, {"action": "terminate"}, token)[0] == 403, path
    status, refusal, _ = cloud.call("POST", f"{ZONE}/servers", {**SERVER, "project": OTHER}, token)
    assert (status, refusal["details"]) == (403, [{"resource": "project", "action": "read"}])


def test_what_a_key_makes_without_a_project_is_its_own_projects(cloud: Cloud) -> None:
    token = key(cloud, "InstancesFullAccess", project=OTHER)["secret_key"]
    status, answered, _ = cloud.call("POST", f"{ZONE}/servers", dict(SERVER), token)
    assert (status, answered["server"]["project"]) == (201, OTHER)


def test_new_rules_take_the_place_of_old_ones(cloud: Cloud) -> None:
    created = key(cloud, "InstancesReadOnly")
    policy = cloud.call("GET", f"{IAM}/policies?application_ids={created['application_id']}")[1]["policies"][0]
    assert (policy["nb_rules"], policy["nb_permission_sets"]) == (1, 1)
    rules = [{"permission_set_names": ["BlockStorageReadOnly"], "project_ids": [PROJECT]}]
    assert cloud.call("PUT", f"{IAM}/rules", {"policy_id": policy["id"], "rules": rules})[0] == 200
    assert cloud.call("GET", f"{ZONE}/servers", token=created["secret_key"])[0] == 403
    assert cloud.call("GET", f"{BLOCK}/volumes", token=created["secret_key"])[0] == 200


def test_a_rule_needs_known_permission_sets_and_a_scope(cloud: Cloud) -> None:
    rules: list[dict[str, Any]] = [
        {"permission_set_names": ["Everything"], "project_ids": [PROJECT]},
        {"permission_set_names": []},
    ]
    for rule in rules:
        assert cloud.call("POST", f"{IAM}/policies", {"name": "p", "rules": [rule]})[0] == 400


def test_ssh_keys_of_the_project_and_of_tags_reach_the_machine(cloud: Cloud) -> None:
    added = made(cloud, "ssh-keys", {"name": "me", "public_key": PUBLIC_KEY, "project_id": PROJECT})
    assert added["fingerprint"].startswith("256 SHA256:")
    made(cloud, "ssh-keys", {"name": "other", "public_key": PUBLIC_KEY + "2", "project_id": OTHER})
    server = cloud.running(tags=["AUTHORIZED_KEY=ssh-ed25519_AAAA"])
    seed = cloud.driver.files[f"plex-burst-lab-srv-{server['id']}"]["var/lib/cloud/seed/nocloud/meta-data"]
    assert f'"public-keys": ["{PUBLIC_KEY}", "ssh-ed25519 AAAA"]' in seed
    assert cloud.call("DELETE", f"{IAM}/ssh-keys/{added['id']}")[0] == 204
    assert cloud.call("GET", f"{IAM}/ssh-keys")[1]["total_count"] == 1


@pytest.mark.parametrize("text", ["", "hello", "ssh-ed25519 AAAA", "ssh-ed25519 !!"])
def test_what_is_no_public_key_is_refused(cloud: Cloud, text: str) -> None:
    status, refusal, _ = cloud.call("POST", f"{IAM}/ssh-keys", {"public_key": text})
    assert (status, refusal["details"][0]["argument_name"]) == (400, "public_key")
