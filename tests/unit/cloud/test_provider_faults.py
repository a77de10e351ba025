"""Every fault of the provider's API on the way up and down ends with one machine, and then none. Two runs at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.scwsim import faults
from module_utils import ledger
from plugins.modules import scaleway_server, scaleway_switch_key

from .conftest import RUN, Cloud
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
def test_one_machine_and_then_none(
    server: Any, cloud: Cloud, fault: str, parameters: dict[str, Any], way: str
) -> None:
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
