"""Every fault of the provider's API on the way up and down ends with one machine, and then none. Two runs at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.scwsim import faults
from module_utils import ledger
from plugins.modules import scaleway_server, scaleway_switch_key

from .conftest import PROJECT, RUN, Cloud
from .test_scaleway_server import leftovers, until

pytestmark = pytest.mark.deep
EVERYTHING = "."
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("too_many_requests", {"route": EVERYTHING, "count": 3}),
    ("server_error", {"route": EVERYTHING, "count": 1}),
    ("server_error", {"route": EVERYTHING, "status": 503, "count": 2, "after": 3}),
    ("error_after_success", {"count": 1}),
    ("error_after_success", {"route": "^(PATCH|DELETE) ", "count": 2}),
    ("timeout_after_success", {"seconds": 0.2, "count": 1}),
    ("lost_response", {"count": 1}),
    ("lost_response", {"route": "^(PATCH|DELETE) ", "count": 2}),
    ("delete_conflict", {"count": 2}),
    ("delete_in_use", {"count": 2}),
]


def again(call: Any, key: str) -> dict[str, Any]:
    """What a person or the wrapper does: a state that failed is asked for again, a few times."""
    result: dict[str, Any] = {}
    for _ in range(4):
        result = until(call, key)
        if not result.get("failed"):
            return result
    raise AssertionError(result["msg"])


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize(("fault", "parameters"), FAULTS)
def test_one_machine_and_then_none(server: Any, cloud: Cloud, fault: str, parameters: dict[str, Any], way: str) -> None:
    if way == "up":
        faults.switch(cloud.simulator, fault, on=True, **parameters)
    again(lambda: {"done": True, **server("present", volume_type="sbs_volume")}, "done")
    again(lambda: server("found"), "ready")
    assert [len(cloud.records(kind)) for kind in ("servers", "volumes", "security_groups")] == [1, 1, 1]
    if way == "down":
        faults.switch(cloud.simulator, fault, on=True, **parameters)
    again(lambda: server("absent"), "finished")
    assert leftovers(cloud) == 0
    if not fault.startswith("delete") or way == "down":
        assert faults.shown(cloud.simulator, fault)["struck"] > 0, "the fault was never met"


def patient(call: Any, key: str, passes: int = 6) -> dict[str, Any]:
    """What a few passes come to, whether they end it or not."""
    result: dict[str, Any] = {}
    for _ in range(passes):
        result = call()
        if result.get(key) or result.get("failed"):
            break
    return result


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("locked", "locked"), ("stuck_transition", "stopping"), ("key_revoked", "refused the API key")],
)
def test_what_stands_in_the_way_is_named_and_no_proof_is_claimed(
    server: Any, cloud: Cloud, run_dir: Path, fault: str, sentence: str
) -> None:
    server("present")
    until(lambda: server("found"), "ready")
    faults.switch(cloud.simulator, fault, on=True)
    told = patient(lambda: server("absent"), "finished")
    assert not told.get("finished")
    assert sentence in told.get("msg", "") + told.get("message", "")
    assert ledger.may_be_running(ledger.read(run_dir))
    assert len(cloud.records("servers")) == 1
    faults.switch(cloud.simulator, fault, on=False)
    if fault == "stuck_transition":
        # The provider's own people set it right.
        cloud.records("servers")[0].update(state="running", state_detail="", step=None)
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0


def test_a_machine_that_no_list_shows_yet_is_made_once(server: Any, cloud: Cloud) -> None:
    faults.switch(cloud.simulator, "eventual_consistency", on=True, seconds=20)
    for _ in range(4):
        server("present")
        cloud.simulator.advance(10)
    again(lambda: {"done": True, **server("present")}, "done")
    again(lambda: server("found"), "ready")
    assert len(cloud.records("servers")) == 1
    again(lambda: server("absent"), "finished")
    assert leftovers(cloud) == 0


def test_a_key_that_may_only_read_is_refused_with_the_right_it_lacks(server: Any, cloud: Cloud, run_dir: Path) -> None:
    secret = scoped_key(cloud, "InstancesReadOnly", "BlockStorageReadOnly")
    told = server("present", api_token=secret)
    assert "compute" in told["msg"]
    assert "write" in told["msg"] or "create" in told["msg"]
    assert leftovers(cloud) == 0
    assert [len(cloud.records(kind)) for kind in ("servers", "volumes", "ips")] == [0, 0, 0]


def scoped_key(cloud: Cloud, *sets: str) -> str:
    """The secret of an API key that may do this in our project and nothing else."""

    iam = "/iam/v1alpha1"
    application = cloud.add(f"{iam}/applications", {"name": "owner"})
    rules = [{"permission_set_names": list(sets), "project_ids": [PROJECT]}]
    cloud.add(f"{iam}/policies", {"name": "owner", "application_id": application["id"], "rules": rules})
    key = cloud.add(f"{iam}/api-keys", {"application_id": application["id"], "default_project_id": PROJECT})
    return str(key["secret_key"])


def test_two_runs_do_not_see_each_other(server: Any, cloud: Cloud, module: Any, run_dir: Path, tmp_path: Path) -> None:
    other = f"{RUN[:-4]}ffff"
    other_dir = ledger.create(tmp_path / "runs", other)
    common = {"zone": "fr-par-1", "commercial_type": "DEV1-S", "run_id": other, "run_dir": str(other_dir)}

    def second(state: str) -> dict[str, Any]:
        result: dict[str, Any] = module(scaleway_server, state=state, **common)
        return result

    def key(run_id: str, directory: Path) -> None:
        module(scaleway_switch_key, run_id=run_id, run_dir=str(directory), expires_at="2099-01-01T00:00:00Z")

    server("present")
    second("present")
    until(lambda: server("found"), "ready")
    until(lambda: second("found"), "ready")
    key(RUN, run_dir)
    key(other, other_dir)
    mine, theirs = (ledger.read(where)["machine"] for where in (run_dir, other_dir))
    assert mine["server_id"] != theirs["server_id"]
    kinds = ("servers", "volumes", "security_groups", "applications", "policies", "api_keys")
    theirs_before = json.dumps([row for kind in kinds for row in cloud.records(kind) if str(row).count(other[-4:])])
    assert until(lambda: server("absent"), "finished")["finished"]
    assert [len(cloud.records(kind)) for kind in kinds] == [1] * len(kinds)
    assert theirs["server_id"] == cloud.records("servers")[0]["id"]
    assert other[-4:] in theirs_before
    assert until(lambda: second("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0
    assert cloud.records("applications") == []
