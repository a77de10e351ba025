"""Module scaleway_server against the stand-in: one machine, whatever is lost on the way, and then none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.scwsim.routing import Response
from module_utils import ledger

from .conftest import NAME, PROJECT, RUN, TAG, ZONE, Cloud

BUSY = Response(429)
BROKEN = Response(503, {"type": "internal", "message": "try later"})


def until(call: Any, key: str, attempts: int = 200) -> dict[str, Any]:
    """What the role does with until, retries and a delay."""
    for _ in range(attempts):
        result: dict[str, Any] = call()
        if result.get(key) or result.get("failed"):
            return result
    raise AssertionError(result)


def machine(run_dir: Path) -> dict[str, Any]:
    return dict(ledger.read(run_dir)["machine"])


def leftovers(cloud: Cloud) -> int:
    return sum(len(cloud.records(kind)) for kind in ("servers", "volumes", "ips", "security_groups"))


def test_life_of_a_machine(server: Any, cloud: Cloud, run_dir: Path) -> None:
    made = server("present", cloud_init="#cloud-config\nx: 1\n", expires_at="2026-08-23T10:00:00Z")
    assert made["changed"] is True
    assert "warnings" not in made
    record = cloud.records("servers")[0]
    assert (record["name"], record["project"]) == (NAME, PROJECT)
    assert record["tags"] == ["plex-burst", TAG, "plex-burst-expires=2026-08-23T10:00:00Z"]
    assert record["user_data"] == {"cloud-init": "#cloud-config\nx: 1\n"}
    assert record["security_group"] == machine(run_dir)["security_group_id"]
    order = [path.rsplit("/", 1)[-1] for method, path in cloud.calls if method in ("POST", "PATCH")]
    assert order[0:3] == ["security_groups", "rules", "servers"]
    assert order[-2:] == ["cloud-init", "action"]

    ready = until(lambda: server("found"), "ready")
    owned = machine(run_dir)
    assert owned["address"] == ready["address"]
    assert owned["server_id"] == record["id"]
    assert owned["intent"]["commercial_type"] == "DEV1-S"
    assert owned["volumes"] == [{"id": cloud.records("volumes")[0]["id"], "volume_type": "l_ssd"}]
    assert ledger.may_be_running(ledger.read(run_dir))

    assert server("present")["changed"] is False
    assert server("sealed")["changed"] is True
    assert server("sealed")["changed"] is False
    assert cloud.records("servers")[0]["user_data"] == {}

    gone = until(lambda: server("absent"), "finished")
    assert gone["changed"] is True
    assert leftovers(cloud) == 0
    assert machine(run_dir)["proof"]["ours"] == 0
    assert len(machine(run_dir)["proof"]["not_found"]) == 3
    assert not ledger.may_be_running(ledger.read(run_dir))
    before = machine(run_dir)
    again = server("absent")
    assert (again["finished"], again["changed"]) == (True, False)
    assert machine(run_dir) == before
    assert "is gone since" in server("present")["msg"]


def test_security_group_lets_only_ssh_in_and_follows_the_wish(server: Any, cloud: Cloud) -> None:
    server("present", ssh_from=["203.0.113.7/32"])
    group = cloud.records("security_groups")[0]
    assert (group["inbound_default_policy"], group["stateful"]) == ("drop", True)
    assert [rule["ip_range"] for rule in group["rules"] if rule.get("editable", True)] == ["203.0.113.7/32"]
    assert server("present", ssh_from=["203.0.113.7"])["changed"] is False
    assert server("present", ssh_from=["198.51.100.0/24"])["changed"] is True
    group = cloud.records("security_groups")[0]
    assert [rule["ip_range"] for rule in group["rules"] if rule.get("editable", True)] == ["198.51.100.0/24"]
    assert '"home" is no network' in server("present", ssh_from=["home"])["msg"]


def test_check_mode_creates_nothing(server: Any, cloud: Cloud, run_dir: Path) -> None:
    planned = server("present", _ansible_check_mode=True, _ansible_diff=True)
    assert (planned["changed"], planned["ready"]) == (True, False)
    assert planned["diff"]["before"] != planned["diff"]["after"]
    assert {method for method, _ in cloud.calls} == {"GET"}
    assert machine(run_dir) == {}
    server("present")
    cloud.calls.clear()
    assert until(lambda: server("found"), "ready")["ready"]
    assert server("present", _ansible_check_mode=True)["changed"] is False
    removal = server("absent", _ansible_check_mode=True)
    assert (removal["changed"], removal["finished"]) == (True, False)
    assert {method for method, _ in cloud.calls} == {"GET"}


LOST: list[tuple[str, Response | None]] = [
    ("POST /servers", None),
    ("POST /servers", BROKEN),
    ("POST /security_groups", None),
    ("PATCH /cloud-init", None),
    ("POST /action", BROKEN),
    ("POST /action", None),
]


@pytest.mark.deep
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize(("call", "answer"), LOST)
def test_a_lost_answer_never_makes_two(
    server: Any, cloud: Cloud, call: str, answer: Response | None, done: bool
) -> None:
    cloud.fault(call, answer, after=done)
    first = server("present")
    if first.get("failed"):
        assert not done
        first = server("present")
    assert first.get("failed") is None
    assert until(lambda: server("found"), "ready")["ready"]
    assert [len(cloud.records(kind)) for kind in ("servers", "volumes", "security_groups")] == [1, 1, 1]
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0


def test_killed_between_create_and_ledger_is_adopted(server: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    text = json.loads((run_dir / "ledger.json").read_text())
    text["machine"] = {"intent": text["machine"]["intent"]}
    (run_dir / "ledger.json").write_text(json.dumps(text))
    assert server("present").get("failed") is None
    assert len(cloud.records("servers")) == 1
    assert machine(run_dir)["server_id"] == cloud.records("servers")[0]["id"]


FOREIGN = [
    {"name": f"{NAME}0", "tags": ["plex-burst", TAG]},
    {"name": NAME, "tags": ["plex-burst", f"{TAG}0"]},
    {"name": NAME, "tags": ["plex-burst", TAG], "project": "33333333-3333-4333-8333-333333333333"},
    {"name": NAME[:-1], "tags": [TAG]},
    {"name": NAME, "tags": []},
]


def add_foreign(cloud: Cloud) -> list[str]:
    """Look-alikes that a substring, a name alone or a tag alone would take for ours."""
    common = {"commercial_type": "DEV1-S", "image": "debian_bookworm", "project": PROJECT}
    ids = [cloud.add("servers", {**common, **wish})["id"] for wish in FOREIGN]
    cloud.add("ips", {"project": PROJECT, "tags": [f"{TAG}0"]})
    cloud.add("volumes", {"project": PROJECT, "name": NAME, "size": 10**10})
    cloud.add("security_groups", {"project": PROJECT, "name": f"{NAME}0", "tags": [TAG]})
    return ids


def test_look_alikes_are_left_alone(server: Any, cloud: Cloud) -> None:
    add_foreign(cloud)
    before = leftovers(cloud)
    foreign = json.dumps([cloud.records(kind) for kind in ("servers", "volumes", "ips", "security_groups")])
    server("present")
    assert until(lambda: server("found"), "ready")["ready"]
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == before
    now = json.dumps([cloud.records(kind) for kind in ("servers", "volumes", "ips", "security_groups")])
    assert now == foreign


def test_a_ledger_that_names_a_foreign_server_is_not_believed(server: Any, cloud: Cloud, run_dir: Path) -> None:
    foreign = add_foreign(cloud)[0]
    ledger.merge(run_dir, {"machine": {"server_id": foreign}})
    for state in ("present", "found", "sealed", "absent"):
        assert "is left alone; correct the ledger" in server(state)["msg"], state
    assert {method for method, _ in cloud.calls} == {"GET"}


@pytest.mark.deep
@pytest.mark.parametrize("with_ledger", [True, False], ids=["ledger", "no ledger"])
@pytest.mark.parametrize("volume_type", ["l_ssd", "sbs_volume"])
@pytest.mark.parametrize("stop_at", ["stopped", "starting", "running", "stopped in place"])
def test_absent_from_every_state(server: Any, cloud: Cloud, stop_at: str, volume_type: str, with_ledger: bool) -> None:
    if stop_at == "stopped":
        cloud.fault("PATCH /cloud-init", Response(400, {"type": "invalid_arguments", "details": []}))
    server("present", volume_type=volume_type)
    if stop_at in ("running", "stopped in place"):
        until(lambda: server("found"), "ready")
    if stop_at == "stopped in place":
        cloud.simulator.store.records("servers")[0]["state"] = stop_at
    options = {} if with_ledger else {"run_dir": "/nonexistent"}
    assert until(lambda: server("absent", **options), "finished")["finished"]
    assert leftovers(cloud) == 0


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_untagged_volume_of_a_run_killed_right_after_create_goes_too(server: Any, cloud: Cloud, state: str) -> None:
    wish = {"name": NAME, "tags": ["plex-burst", TAG], "project": PROJECT, "commercial_type": "DEV1-S"}
    cloud.add("servers", {**wish, "image": "debian_bookworm"})
    cloud.simulator.store.records("servers")[0]["state"] = state
    assert [row["volume_type"] for row in cloud.records("volumes")] == ["sbs_volume"]
    assert until(lambda: server("absent", run_dir="/nonexistent"), "finished")["finished"]
    assert leftovers(cloud) == 0


def test_volume_attached_by_somebody_else_survives(server: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    until(lambda: server("found"), "ready")
    block = "/block/v1/zones/fr-par-1/volumes"
    foreign = cloud.add(block, {"project_id": PROJECT, "name": "holiday", "from_empty": {"size": 10**10}})
    record = cloud.records("servers")[0]
    volume = cloud.simulator.store.find("volumes", "fr-par-1", foreign["id"])
    assert volume is not None
    volume["server"] = {"id": record["id"], "name": record["name"]}
    assert server("present")["changed"] is False
    assert until(lambda: server("absent"), "finished")["finished"]
    assert [row["name"] for row in cloud.records("volumes")] == ["holiday"]
    assert cloud.records("volumes")[0]["tags"] == []


def test_absent_waits_for_a_machine_that_may_still_appear(server: Any, cloud: Cloud, run_dir: Path) -> None:
    cloud.fault("POST /servers", None)
    assert "was created is not known" in server("present")["msg"]
    removal = server("absent")
    assert removal["finished"] is False
    assert "unanswered create call" in until(lambda: {**server("absent"), "x": 1}, "x")["message"]
    past = machine(run_dir)["intent"] | {"at": "2026-08-22T10:00:00Z"}
    ledger.merge(run_dir, {"machine": {"intent": past}})
    assert until(lambda: server("absent"), "finished", 5)["finished"]


def test_a_machine_that_turns_up_after_the_proof_takes_it_back(server: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    assert until(lambda: server("absent"), "finished")["finished"]
    wish = {"name": NAME, "tags": ["plex-burst", TAG], "project": PROJECT, "commercial_type": "DEV1-S"}
    cloud.add("servers", {**wish, "image": "debian_bookworm"})
    assert server("absent")["finished"] is False
    assert ledger.may_be_running(ledger.read(run_dir))
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0
    assert not ledger.may_be_running(ledger.read(run_dir))


def test_absent_without_anything(server: Any, run_dir: Path) -> None:
    nothing = server("absent")
    assert (nothing["finished"], nothing["changed"]) == (True, False)
    assert machine(run_dir) == {}


def test_absent_with_an_unreadable_ledger_says_so_and_works(server: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    (run_dir / "ledger.json").write_text("{")
    gone = until(lambda: server("absent"), "finished")
    assert "is not JSON" in gone["message"]
    assert leftovers(cloud) == 0


def test_faults_on_the_way_down_heal(server: Any, cloud: Cloud) -> None:
    server("present", volume_type="sbs_volume")
    until(lambda: server("found"), "ready")
    cloud.fault("POST /action", None, after=True)
    cloud.fault("GET /volumes", BUSY)
    cloud.fault("GET /volumes", BROKEN)
    block = f"/block/v1/zones/fr-par-1/volumes/{cloud.records('volumes')[0]['id']}"
    in_use = {"type": "precondition_failed", "precondition": "resource_still_in_use", "help_message": "in use"}
    cloud.fault(f"DELETE {block}", Response(412, in_use))
    cloud.fault(f"DELETE {block}", None, after=True)
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0
    assert cloud.faults == []


def test_what_is_refused_is_named_and_the_rest_goes(server: Any, cloud: Cloud) -> None:
    server("present", volume_type="sbs_volume")
    until(lambda: server("found"), "ready")
    volume = cloud.records("volumes")[0]["id"]
    details = [{"resource": "block_volume", "action": "delete"}]
    body = {"type": "permissions_denied", "message": "insufficient permissions", "details": details}
    cloud.fault(f"DELETE /volumes/{volume}", Response(403, body))
    refused = until(lambda: server("absent"), "finished")
    assert f"delete volume {volume}" in refused["msg"]
    assert "delete block_volume" in refused["msg"]
    assert [len(cloud.records(kind)) for kind in ("servers", "security_groups")] == [0, 0]
    assert until(lambda: server("absent"), "finished")["finished"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"commercial_type": "GP9-S"}, 'no server type "GP9-S"; it has for instance GP1-'),
    ({"volume_size": 40 * 10**9}, "DEV1-S takes at most 20 GB of l_ssd and 40 GB were asked for"),
    ({"volume_size": 10**9}, "smallest is 10 GB"),
    ({"image": "windows_95"}, 'no x86_64 image "windows_95" for DEV1-S'),
    ({"zone": "fr-lyo-1"}, 'no zone "fr-lyo-1"'),
    ({"api_token": "99999999-1111-4111-8111-111111111111"}, "refused the API key"),
    ({"api_token": ""}, "set SCW_SECRET_KEY"),
    ({"api_url": "http://127.0.0.1:9"}, "No answer from http://127.0.0.1:9"),
    ({"run_id": "job-1"}, '"job-1" is not a run id'),
]


@pytest.mark.parametrize(("options", "sentence"), REFUSED)
def test_refused_before_anything_is_created(
    server: Any, cloud: Cloud, run_dir: Path, options: dict[str, Any], sentence: str
) -> None:
    failed = server("present", **options)
    assert sentence in failed["msg"]
    assert "exception" not in failed
    assert machine(run_dir) == {}
    assert {method for method, _ in cloud.calls} <= {"GET"}


STOCK = {"type": "out_of_stock", "message": "out of stock", "resource": "DEV1-S"}
QUOTA = {"type": "quotas_exceeded", "resource": "cp_servers_type_DEV1_S", "quota": 2, "current": 2}


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(Response(412, STOCK), "out of stock"), (Response(403, QUOTA), "cp_servers_type_DEV1_S (2 of 2)")],
)
def test_a_clear_refusal_is_remembered_and_torn_down_at_once(
    server: Any, cloud: Cloud, run_dir: Path, answer: Response, sentence: str
) -> None:
    cloud.fault("POST /servers", answer)
    assert sentence in server("present")["msg"]
    assert sentence in machine(run_dir)["refused"]
    assert until(lambda: server("absent"), "finished", 3)["finished"]
    assert leftovers(cloud) == 0


def test_limits_are_waited_out(server: Any, cloud: Cloud, module: Any) -> None:
    for _ in range(4):
        cloud.fault(f"POST {ZONE}/servers", BUSY)
    assert server("present")["changed"] is True
    assert len([pause for pause in module.pauses if pause > 0]) == 4
    assert module.pauses[3] > module.pauses[0]
    assert cloud.made("POST", f"{ZONE}/servers") == 5
    assert len(cloud.records("servers")) == 1


def test_listings_are_read_to_the_last_page(server: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    text = json.loads((run_dir / "ledger.json").read_text())
    text["machine"] = {}
    (run_dir / "ledger.json").write_text(json.dumps(text))
    common = {"commercial_type": "DEV1-S", "image": "debian_bookworm", "project": PROJECT}
    for number in range(105):
        cloud.add("servers", {**common, "name": f"other-{number}"})
    assert server("present").get("failed") is None
    assert sum(row["name"] == NAME for row in cloud.records("servers")) == 1


def test_token_and_host_key_are_not_in_the_result(server: Any, cloud: Cloud, run_dir: Path) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----canary"
    made = server("present", cloud_init=f"#cloud-config\n# {key}\n")
    assert key not in json.dumps(made)
    assert "11111111-1111-4111" not in json.dumps(made) + (run_dir / "ledger.json").read_text()


def test_state_of_other_run_is_refused(server: Any, run_dir: Path) -> None:
    ledger.merge(run_dir, {"machine": {"intent": {"zone": "nl-ams-1"}}})
    assert f"Run {RUN} means zone nl-ams-1, not fr-par-1" in server("present")["msg"]
