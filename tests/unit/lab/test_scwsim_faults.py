"""Faults by name: each does what its summary says, to the calls it is meant for, as often as asked."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import RemoteDisconnected
from typing import Any

import pytest

from lab.scwsim.in_process import LocalCloud, serving

from .conftest import PROJECT, TOKEN, ZONE, Cloud

SEED = "var/lib/cloud/seed/nocloud"


def switch(cloud: Cloud, name: str, *, on: bool = True, **parameters: Any) -> dict[str, Any]:
    status, answered, _ = cloud.call("PUT", f"/_lab/faults/{name}", {"on": on, **parameters}, None)
    assert status == 200, answered
    fault: dict[str, Any] = answered
    return fault


def test_faults_are_listed_with_their_state_and_parameters(cloud: Cloud) -> None:
    faults = cloud.call("GET", "/_lab/faults", token=None)[1]["faults"]
    assert [name for name, fault in faults.items() if fault["on"]] == []
    assert all(fault["summary"] for fault in faults.values())
    shown = switch(cloud, "server_error", status=503)
    assert (shown["on"], shown["parameters"]["status"]) == (True, 503)
    assert switch(cloud, "server_error", on=False)["on"] is False


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("nonsense", {"on": True}, 404),
        ("server_error", {"on": "yes"}, 400),
        ("server_error", {"on": True, "colour": 1}, 400),
        ("server_error", {"on": True, "count": "many"}, 400),
        ("server_error", {"on": True, "route": "("}, 400),
        ("server_error", None, 400),
    ],
)
def test_a_wrong_wish_is_refused_with_a_sentence(cloud: Cloud, name: str, body: Any, status: int) -> None:
    answered = cloud.call("PUT", f"/_lab/faults/{name}", body, None)
    assert answered[0] == status
    assert isinstance(answered[1]["error"], str)


def test_a_fault_spares_the_first_calls_and_ends_after_its_count(cloud: Cloud) -> None:
    switch(cloud, "server_error", status=502, route="^GET .*/servers$", after=1, count=2)
    assert cloud.call("GET", f"{ZONE}/ips")[0] == 200
    assert [cloud.call("GET", f"{ZONE}/servers")[0] for _ in range(4)] == [200, 502, 502, 200]
    fault = cloud.call("GET", "/_lab/faults")[1]["faults"]["server_error"]
    assert (fault["on"], fault["struck"]) == (False, 2)


def test_too_many_requests_has_an_empty_body(cloud: Cloud) -> None:
    switch(cloud, "too_many_requests", count=1)
    status, body, headers = cloud.call("GET", f"{ZONE}/servers")
    assert (status, body, headers["X-Envoy-Ratelimited"]) == (429, None, "true")
    assert cloud.call("GET", f"{ZONE}/servers")[0] == 200


@pytest.mark.parametrize("action", ["create", "terminate"])
def test_an_error_after_success_leaves_the_work_done(cloud: Cloud, action: str) -> None:
    server = cloud.running() if action == "terminate" else None
    switch(cloud, "error_after_success")
    if server:
        assert cloud.act(server["id"], "terminate")[0] == 504
        assert cloud.server(server["id"])["state"] == "stopping"
    else:
        body = {"name": "a", "commercial_type": "DEV1-S", "image": "ubuntu_noble"}
        assert cloud.call("POST", f"{ZONE}/servers", body)[0] == 504
        assert len(cloud.call("GET", f"{ZONE}/servers")[1]["servers"]) == 1


def test_a_created_server_is_unknown_for_a_while(cloud: Cloud) -> None:
    switch(cloud, "eventual_consistency", seconds=30)
    server = cloud.create()
    path = f"{ZONE}/servers/{server['id']}"
    assert cloud.call("GET", path)[0] == 404
    assert cloud.call("POST", f"{path}/action", {"action": "poweron"})[0] == 404
    assert cloud.call("GET", f"{ZONE}/servers")[1]["servers"] == []
    cloud.call("POST", "/_lab/clock", {"advance_seconds": 31})
    assert cloud.server(server["id"])["id"] == server["id"]
    assert len(cloud.call("GET", f"{ZONE}/servers")[1]["servers"]) == 1


@pytest.mark.parametrize(("fault", "status"), [("delete_conflict", 409), ("delete_in_use", 412)])
def test_a_deletion_is_refused_a_few_times(cloud: Cloud, fault: str, status: int) -> None:
    path = f"{ZONE}/servers/{cloud.create()['id']}"
    switch(cloud, fault, count=2)
    assert [cloud.call("DELETE", path)[0] for _ in range(3)] == [status, status, 204]


def test_out_of_stock_at_power_on_leaves_the_server_stopped(cloud: Cloud) -> None:
    server = cloud.create()
    switch(cloud, "out_of_stock", at="poweron")
    status, refusal = cloud.act(server["id"], "poweron")
    assert (status, refusal["type"], refusal["resource"]) == (412, "out_of_stock", "GP1-M")
    assert cloud.server(server["id"])["state"] == "stopped"


@pytest.mark.parametrize(
    ("fault", "parameters", "status", "kind"),
    [("out_of_stock", {"at": "create"}, 412, "out_of_stock"), ("quota", {"quota": 0}, 403, "quotas_exceeded")],
)
def test_a_create_that_is_refused_makes_nothing(
    cloud: Cloud, fault: str, parameters: dict[str, Any], status: int, kind: str
) -> None:
    switch(cloud, fault, **parameters)
    body = {"name": "a", "commercial_type": "DEV1-S", "image": "ubuntu_noble"}
    answered = cloud.call("POST", f"{ZONE}/servers", body)
    assert (answered[0], answered[1]["type"]) == (status, kind)
    assert cloud.call("GET", "/_lab/state")[1]["volumes"] == []


def test_the_recorded_quota_of_a_type_is_kept(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.create()
    body = {"name": "a", "commercial_type": "GP1-M", "image": "ubuntu_noble"}
    status, refusal, _ = cloud.call("POST", f"{ZONE}/servers", body)
    assert (status, refusal["resource"], refusal["quota"]) == (403, "cp_servers_type_GP1_M", 3)


def test_a_key_that_is_revoked_in_the_middle_of_a_run(cloud: Cloud) -> None:
    switch(cloud, "key_revoked", after=2)
    assert [cloud.call("GET", f"{ZONE}/servers")[0] for _ in range(4)] == [200, 200, 401, 401]
    assert cloud.call("GET", f"{ZONE}/products/servers", token=None)[0] == 200


def test_of_a_locked_server_nothing_can_be_asked(cloud: Cloud) -> None:
    server = cloud.running()
    switch(cloud, "locked", server="job-1")
    seen = cloud.server(server["id"])
    assert (seen["state"], seen["allowed_actions"]) == ("locked", [])
    assert cloud.act(server["id"], "terminate")[1]["type"] == "locked"
    switch(cloud, "locked", on=False)
    assert cloud.act(server["id"], "terminate")[0] == 202


def test_a_server_that_is_stuck_stays_on_its_way(cloud: Cloud) -> None:
    server = cloud.running()
    switch(cloud, "stuck_transition", action="terminate")
    assert cloud.act(server["id"], "terminate")[0] == 202
    cloud.pass_time(3600)
    assert cloud.server(server["id"])["state"] == "stopping"


@pytest.mark.parametrize(
    ("fault", "path", "content"),
    [
        ("cloud_init_fails", "var/lib/cloud/scripts/per-boot/lab-fault", "exit 1"),
        ("cloud_init_never_ends", "var/lib/cloud/scripts/per-boot/lab-fault", "sleep infinity"),
        ("ssh_never_opens", "etc/systemd/system/ssh.service.d/99-lab-fault.conf", "ConditionPathExists"),
        ("wrong_host_key", "etc/systemd/system/ssh.service.d/99-lab-fault.conf", "ssh-keygen"),
    ],
)
def test_a_fault_inside_the_machine_is_laid_down_before_it_boots(
    cloud: Cloud, fault: str, path: str, content: str
) -> None:
    switch(cloud, fault, server="sick")
    well, sick = cloud.running(name="well"), cloud.running(name="sick")
    files = {server["name"]: cloud.driver.files[f"plex-burst-lab-srv-{server['id']}"] for server in (well, sick)}
    assert path not in files["well"]
    assert content in files["sick"][path]


def test_a_freed_address_goes_to_a_stranger(cloud: Cloud) -> None:
    server = cloud.running()
    switch(cloud, "address_reused")
    cloud.act(server["id"], "terminate")
    for _ in range(4):
        cloud.pass_time(2)
    stranger = cloud.call("GET", f"{ZONE}/servers")[1]["servers"][0]
    assert stranger["public_ip"]["address"] == server["public_ip"]["address"]
    assert (stranger["name"], stranger["project"] == PROJECT) == ("stranger", False)


@pytest.fixture
def local() -> Iterator[LocalCloud]:
    with serving() as cloud:
        yield cloud


def send(local: LocalCloud, method: str, path: str, body: Any = None, seconds: float = 5) -> Any:
    headers = {"X-Auth-Token": TOKEN}
    request = urllib.request.Request(local.url + path, json.dumps(body).encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        return json.loads(answer.read() or b"null")


BODY = {"name": "a", "commercial_type": "DEV1-S", "image": "ubuntu_noble"}


def test_in_process_states_change_at_the_next_call(local: LocalCloud) -> None:
    server = send(local, "POST", f"{ZONE}/servers", BODY)["server"]
    path = f"{ZONE}/servers/{server['id']}"
    send(local, "POST", f"{path}/action", {"action": "poweron"})
    assert send(local, "GET", path)["server"]["state"] == "running"
    send(local, "POST", f"{path}/action", {"action": "terminate"})
    with pytest.raises(urllib.error.HTTPError, match="404"):
        send(local, "GET", path)
    assert local.left() == {"volumes": 1}
    assert local.driver.machines == {}
    assert [entry["status"] for entry in local.log.entries] == [201, 202, 200, 202, 404]


def wish(local: LocalCloud, action: str) -> tuple[str, dict[str, str], dict[str, int]]:
    """A call that changes a server, and what is left when it was done."""
    if action == "create":
        return f"{ZONE}/servers", BODY, {"servers": 1, "volumes": 1}
    server = send(local, "POST", f"{ZONE}/servers", BODY)["server"]
    send(local, "POST", f"{ZONE}/servers/{server['id']}/action", {"action": "poweron"})
    # The image's root volume is an SBS one, which outlives its server.
    return f"{ZONE}/servers/{server['id']}/action", {"action": "terminate"}, {"volumes": 1}


@pytest.mark.parametrize("action", ["create", "terminate"])
def test_a_lost_response_is_work_done_and_a_broken_connection(local: LocalCloud, action: str) -> None:
    path, body, left = wish(local, action)
    local.fault("lost_response")
    with pytest.raises(RemoteDisconnected):
        send(local, "POST", path, body)
    assert local.log.entries[-1]["answered"] is False
    assert send(local, "GET", f"{ZONE}/ips") == {"ips": []}
    assert local.left() == left


@pytest.mark.parametrize("action", ["create", "terminate"])
def test_a_timeout_after_success_keeps_the_caller_waiting(local: LocalCloud, action: str) -> None:
    path, body, left = wish(local, action)
    answered = len(local.log.entries)
    local.fault("timeout_after_success", seconds=600)
    with pytest.raises(TimeoutError):
        send(local, "POST", path, body, seconds=0.5)
    deadline = time.monotonic() + 20
    while len(local.log.entries) == answered and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [entry["answered"] for entry in local.log.entries[answered:]] == [False]
    assert send(local, "GET", f"{ZONE}/ips") == {"ips": []}
    assert local.left() == left


def test_hundreds_of_lives_take_seconds(local: LocalCloud) -> None:
    began = time.process_time()
    for _ in range(50):
        server = send(local, "POST", f"{ZONE}/servers", BODY)["server"]
        path = f"{ZONE}/servers/{server['id']}/action"
        send(local, "POST", path, {"action": "poweron"})
        send(local, "POST", path, {"action": "terminate"})
    assert send(local, "GET", f"{ZONE}/servers")["servers"] == []
    assert time.process_time() - began < 5


def test_the_log_tells_who_asked_and_no_secret_key(local: LocalCloud) -> None:
    application = send(local, "POST", "/iam/v1alpha1/applications", {"name": "guard"})
    key = send(local, "POST", "/iam/v1alpha1/api-keys", {"application_id": application["id"]})
    server = send(local, "POST", f"{ZONE}/servers", BODY)["server"]
    user_data = f"#cloud-config\n# {key['secret_key']} {local.token}"
    send(local, "PATCH", f"{ZONE}/servers/{server['id']}/user_data/cloud-init", user_data)
    entry = local.log.entries[-1]
    assert (entry["key"], entry["method"], entry["status"]) == (local.simulator.account.access_key, "PATCH", 204)
    assert "(token) (token)" in entry["body"]
    assert [secret in json.dumps(local.log.entries) for secret in (key["secret_key"], local.token)] == [False, False]
