"""The life of servers in the Scaleway stand-in: what each call leaves behind, and what is refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from .conftest import BLOCK, PROJECT, ZONE, Cloud

RUNNING_ACTIONS = ["poweroff", "terminate", "reboot", "stop_in_place", "backup"]


def container(server: dict[str, Any]) -> str:
    return f"plex-burst-lab-srv-{server['id']}"


def test_create_makes_a_stopped_server_with_its_volume_and_boots_nothing(cloud: Cloud) -> None:
    server = cloud.create()
    assert (server["state"], server["allowed_actions"]) == ("stopped", ["poweron", "backup"])
    assert (server["public_ip"], server["public_ips"]) == (None, [])
    assert server["image"]["name"] == "Debian Bookworm"
    assert server["volumes"]["0"]["volume_type"] == "l_ssd"
    assert server["volumes"]["0"]["server"] == {"id": server["id"], "name": "job-1"}
    assert server["security_group"]["name"] == "Default security group"
    cloud.pass_time(60)
    assert cloud.driver.machines == {}


def test_power_on_goes_through_the_recorded_states(cloud: Cloud) -> None:
    server = cloud.create()
    _, answered = cloud.act(server["id"], "poweron")
    assert answered["task"]["href_result"] == f"/servers/{server['id']}"
    seen = []
    for _ in range(8):
        now = cloud.server(server["id"])
        seen.append((now["state"], now["state_detail"], bool(now["public_ip"]), now["allowed_actions"]))
        cloud.pass_time(0.5)
    assert list(dict.fromkeys(str(entry) for entry in seen)) == [
        str(("starting", "allocating node", False, ["stop_in_place", "backup"])),
        str(("starting", "provisioning node", False, ["stop_in_place", "backup"])),
        str(("running", "booting kernel", True, RUNNING_ACTIONS)),
    ]
    address = cloud.server(server["id"])["public_ip"]
    assert (address["address"], address["dynamic"]) == ("10.213.79.65", True)


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_the_time_factor_stretches_the_way_from_state_to_state(cloud: Cloud, factor: float) -> None:
    cloud.simulator = dataclasses.replace(cloud.simulator, time_factor=factor)
    server = cloud.create()
    cloud.act(server["id"], "poweron")
    seconds, states = 0.0, [cloud.server(server["id"])["state"]]
    while states[-1] != "running":
        cloud.pass_time(0.05)
        seconds += 0.05
        states.append(cloud.server(server["id"])["state"])
        assert seconds < 30
    assert seconds == pytest.approx(1.8 * factor, abs=0.15)
    assert set(states) == {"starting", "running"}


def test_the_machine_finds_its_user_data_as_the_seed_of_cloud_init(cloud: Cloud) -> None:
    server = cloud.create()
    path = f"{ZONE}/servers/{server['id']}/user_data"
    assert cloud.call("PATCH", f"{path}/cloud-init", "#cloud-config\nkey: é\n")[0] == 204
    assert cloud.call("GET", path)[1] == {"user_data": ["cloud-init"]}
    assert cloud.call("GET", f"{path}/cloud-init")[1] == "#cloud-config\nkey: é\n"
    cloud.act(server["id"], "poweron")
    cloud.pass_time(1)
    files = cloud.driver.files[container(server)]
    assert files["var/lib/cloud/seed/nocloud/user-data"] == "#cloud-config\nkey: é\n"
    assert server["id"] in files["var/lib/cloud/seed/nocloud/meta-data"]
    assert cloud.call("DELETE", f"{path}/cloud-init")[0] == 204
    assert cloud.call("GET", f"{path}/cloud-init")[0] == 404


def test_terminate_removes_server_local_volume_and_dynamic_address(cloud: Cloud) -> None:
    server = cloud.running()
    volume, address = server["volumes"]["0"]["id"], server["public_ip"]["id"]
    assert cloud.act(server["id"], "terminate")[0] == 202
    leaving = cloud.server(server["id"])
    assert (leaving["state"], leaving["state_detail"]) == ("stopping", "terminating")
    assert (leaving["allowed_actions"], leaving["volumes"]["0"]["state"]) == ([], "deleting")
    cloud.pass_time(1)
    for path in (f"servers/{server['id']}", f"volumes/{volume}", f"ips/{address}"):
        assert cloud.call("GET", f"{ZONE}/{path}")[0] == 404, path
    assert cloud.driver.machines == {}
    state = cloud.call("GET", "/_lab/state")[1]
    assert [kind for kind, left in state.items() if left] == []


def test_terminate_only_detaches_an_sbs_volume_which_bills_on(cloud: Cloud) -> None:
    server = cloud.running(volumes={}, image="ubuntu_noble")
    assert set(server["volumes"]["0"]) == {"boot", "volume_type", "id", "state", "zone"}
    volume = server["volumes"]["0"]["id"]
    assert cloud.call("GET", f"{ZONE}/volumes/{volume}")[0] == 404
    attached = cloud.call("GET", f"{BLOCK}/volumes/{volume}")[1]
    assert (attached["status"], attached["size"], attached["tags"]) == ("in_use", 10_000_000_000, [])
    assert attached["references"][0]["product_resource_id"] == server["id"]
    status, refusal, _ = cloud.call("DELETE", f"{BLOCK}/volumes/{volume}")
    assert (status, refusal["precondition"]) == (412, "resource_still_in_use")
    cloud.act(server["id"], "terminate")
    assert cloud.server(server["id"])["allowed_actions"] == ["stop_in_place", "backup"]
    cloud.pass_time(1)
    left = cloud.call("GET", f"{BLOCK}/volumes?project_id={PROJECT}")[1]
    assert [(v["id"], v["status"], v["references"]) for v in left["volumes"]] == [(volume, "available", [])]
    assert cloud.call("DELETE", f"{BLOCK}/volumes/{volume}")[0] == 204
    assert cloud.call("GET", f"{BLOCK}/volumes/{volume}")[1]["resource"] == "volume"


def test_delete_wants_a_stopped_server_and_keeps_its_volume(cloud: Cloud) -> None:
    server = cloud.running()
    path = f"{ZONE}/servers/{server['id']}"
    assert cloud.call("DELETE", path)[0] == 400
    cloud.act(server["id"], "poweroff")
    cloud.pass_time(1)
    off = cloud.server(server["id"])
    assert (off["state"], off["public_ip"], off["location"]) == ("stopped", None, None)
    assert cloud.call("DELETE", path)[0] == 204
    assert cloud.driver.machines == {}
    kept = cloud.call("GET", f"{ZONE}/volumes/{server['volumes']['0']['id']}")[1]["volume"]
    assert (kept["state"], kept["server"]) == ("available", None)


@pytest.mark.parametrize(
    ("code", "state", "address_stays"),
    [(130, "stopped in place", True), (137, "stopped in place", True), (129, "running", True)],
    ids=["power-off", "killed", "reboot"],
)
def test_a_guest_that_stops_itself(cloud: Cloud, code: int, state: str, address_stays: bool) -> None:
    server = cloud.running()
    cloud.driver.exit(container(server), code)
    cloud.pass_time(1)
    now = cloud.server(server["id"])
    assert now["state"] == state
    assert (now["public_ip"] == server["public_ip"]) is address_stays
    assert cloud.driver.machines[container(server)].running is (state == "running")
    assert cloud.act(server["id"], "terminate")[0] == 202


def test_a_poweroff_and_poweron_keeps_the_disk_and_makes_a_new_address(cloud: Cloud) -> None:
    server = cloud.running()
    cloud.act(server["id"], "poweroff")
    cloud.pass_time(1)
    cloud.driver.broken.add("create")
    cloud.act(server["id"], "poweron")
    cloud.pass_time(1)
    cloud.pass_time(5)
    again = cloud.server(server["id"])
    assert again["state"] == "running"
    assert again["public_ip"]["id"] != server["public_ip"]["id"]


@pytest.mark.parametrize(
    ("before", "action", "status", "kind"),
    [
        ("stopped", "terminate", 400, "invalid_request_error"),
        ("stopped", "poweroff", 400, "invalid_request_error"),
        ("stopped", "dance", 400, "invalid_arguments"),
        ("starting", "poweron", 409, "transient_state"),
        ("starting", "terminate", 409, "transient_state"),
        ("running", "poweron", 400, "invalid_request_error"),
    ],
)
def test_actions_that_the_state_does_not_allow(cloud: Cloud, before: str, action: str, status: int, kind: str) -> None:
    server = cloud.running() if before == "running" else cloud.create()
    if before == "starting":
        cloud.act(server["id"], "poweron")
    answered = cloud.act(server["id"], action)
    assert (answered[0], answered[1]["type"]) == (status, kind)
    assert cloud.server(server["id"])["state"] == before


def test_a_machine_that_cannot_be_made_leaves_the_server_stopped(cloud: Cloud) -> None:
    server = cloud.create()
    cloud.driver.broken.add("create")
    cloud.act(server["id"], "poweron")
    cloud.pass_time(1)
    assert cloud.server(server["id"])["state"] == "stopped"
    assert [event["event"] for event in cloud.events] == ["machine_error", "step"]


def test_a_removal_that_docker_refuses_is_tried_again(cloud: Cloud) -> None:
    server = cloud.running()
    cloud.driver.broken.add("destroy")
    cloud.act(server["id"], "terminate")
    cloud.pass_time(1)
    assert cloud.server(server["id"])["state"] == "stopping"
    cloud.driver.broken.clear()
    cloud.pass_time(3)
    assert cloud.call("GET", f"{ZONE}/servers/{server['id']}")[0] == 404


def test_a_reserved_address_is_taken_by_the_machine_and_survives_it(cloud: Cloud) -> None:
    status, made, _ = cloud.call("POST", f"{ZONE}/ips", {"project": PROJECT, "tags": ["plex-burst"]})
    assert (status, made["ip"]["state"]) == (201, "detached")
    server = cloud.running(public_ips=[made["ip"]["id"]])
    assert [ip["id"] for ip in server["public_ips"]] == [made["ip"]["id"]]
    assert cloud.driver.machines[container(server)].address == made["ip"]["address"] == "10.213.79.129"
    cloud.act(server["id"], "terminate")
    cloud.pass_time(1)
    left = cloud.call("GET", f"{ZONE}/ips?project={PROJECT}")[1]["ips"]
    assert [(ip["id"], ip["server"]) for ip in left] == [(made["ip"]["id"], None)]
    assert cloud.call("DELETE", f"{ZONE}/ips/{made['ip']['id']}")[0] == 204


def test_everything_is_remembered_across_a_restart(cloud: Cloud) -> None:
    server = cloud.create()
    cloud.act(server["id"], "poweron")
    cloud.open()
    cloud.pass_time(1)
    cloud.pass_time(5)
    cloud.open()
    assert cloud.server(server["id"])["state"] == "running"


def test_reset_forgets_everything_and_removes_the_machines(cloud: Cloud) -> None:
    cloud.running()
    assert cloud.call("POST", "/_lab/reset", token=None)[0] == 204
    assert cloud.driver.machines == {}
    assert cloud.call("GET", f"{ZONE}/servers")[1] == {"servers": []}


def test_a_reserved_address_reaches_a_running_machine_and_leaves_it(cloud: Cloud) -> None:
    server = cloud.running()
    address = cloud.call("POST", f"{ZONE}/ips", {"project": PROJECT})[1]["ip"]
    path = f"{ZONE}/ips/{address['id']}"
    assert cloud.call("PATCH", path, {"server": server["id"]})[1]["ip"]["state"] == "attached"
    cloud.pass_time(1)
    assert [ip["dynamic"] for ip in cloud.server(server["id"])["public_ips"]] == [True, False]
    assert "ip address replace 10.213.79.129/24" in cloud.driver.scripts[container(server)]
    assert cloud.call("PATCH", path, {"server": None})[1]["ip"]["state"] == "detached"
    cloud.pass_time(1)
    assert "ip address delete 10.213.79.129/24" in cloud.driver.scripts[container(server)]
    cloud.call("PATCH", path, {"server": server["id"]})
    cloud.pass_time(1)
    assert "ip address delete" not in cloud.driver.scripts[container(server)]
    assert cloud.call("DELETE", path)[0] == 204
    cloud.pass_time(1)
    assert "ip address delete 10.213.79.129/24" in cloud.driver.scripts[container(server)]


def test_the_dynamic_address_comes_and_goes_with_the_wish_for_it(cloud: Cloud) -> None:
    server = cloud.running()
    path = f"{ZONE}/servers/{server['id']}"
    assert cloud.call("PATCH", path, {"dynamic_ip_required": False})[1]["server"]["public_ip"] is None
    assert cloud.call("PATCH", path, {"dynamic_ip_required": True})[1]["server"]["public_ip"]["dynamic"] is True


def test_a_reboot_keeps_the_address(cloud: Cloud) -> None:
    server = cloud.running()
    assert cloud.act(server["id"], "reboot")[0] == 202
    assert cloud.server(server["id"])["state"] == "starting"
    cloud.pass_time(1)
    cloud.pass_time(5)
    again = cloud.server(server["id"])
    assert (again["state"], again["public_ip"]) == ("running", server["public_ip"])


def test_a_protected_server_is_neither_stopped_nor_deleted(cloud: Cloud) -> None:
    server = cloud.running(protected=True)
    assert cloud.act(server["id"], "terminate")[0] == 400
    path = f"{ZONE}/servers/{server['id']}"
    assert cloud.call("PATCH", path, {"protected": False})[0] == 200
    assert cloud.act(server["id"], "terminate")[0] == 202


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"commercial_type": "PLAY2-NANO", "volumes": {}}, 201),
        ({"commercial_type": "PLAY2-NANO", "volumes": {"0": {"volume_type": "l_ssd", "size": 10_000_000_000}}}, 400),
        ({"commercial_type": "BASIC2-A2C-4G", "volumes": {}}, 201),
    ],
    ids=["sbs alone", "no local disk", "arm64"],
)
def test_types_without_a_local_disk(cloud: Cloud, changes: dict[str, Any], status: int) -> None:
    body = {"name": "a", "image": "ubuntu_noble", **changes}
    answered = cloud.call("POST", f"{ZONE}/servers", body)
    assert answered[0] == status, answered


def test_an_image_of_another_architecture_is_refused(cloud: Cloud) -> None:
    path = "/marketplace/v2/local-images?image_label=ubuntu_noble&zone=fr-par-1&type=instance_sbs"
    arm64 = cloud.call("GET", path)[1]["local_images"][0]
    assert arm64["arch"] == "arm64"
    assert "BASIC2-A2C-4G" in arm64["compatible_commercial_types"]
    assert "DEV1-S" not in arm64["compatible_commercial_types"]
    body = {"name": "a", "image": arm64["id"], "commercial_type": "DEV1-S"}
    status, refusal, _ = cloud.call("POST", f"{ZONE}/servers", body)
    assert (status, refusal["details"][0]["argument_name"]) == (400, "image")
