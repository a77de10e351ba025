"""Out of stock: the next place, and nothing left in the one before. The key of the switch: made once, gone with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.scwsim import faults
from lab.scwsim.routing import Response
from module_utils import ledger
from module_utils.prices import moment
from module_utils.scaleway_checks import work_ends_at
from plugins.modules import scaleway_runs, scaleway_switch_key

from .conftest import PROJECT, RUN, Cloud
from .test_scaleway_server import STOCK, leftovers, machine, until

pytestmark = pytest.mark.deep
ELSEWHERE = [{"zone": "fr-par-2"}, {"commercial_type": "DEV1-M"}]
IAM_KINDS = ("applications", "policies", "api_keys")
NO_RIGHT = Response(
    403, {"type": "permissions_denied", "message": "no", "details": [{"resource": "applications", "action": "create"}]}
)


@pytest.mark.parametrize("at", ["create", "poweron"])
def test_out_of_stock_is_had_elsewhere(server: Any, cloud: Cloud, run_dir: Path, at: str) -> None:
    faults.switch(cloud.simulator, "out_of_stock", on=True, at=at, count=1)
    made = server("present", fallbacks=ELSEWHERE)
    assert made.get("failed") is None
    assert [row["zone"] for row in cloud.records("servers")] == ["fr-par-2"]
    assert [len(cloud.records(kind)) for kind in ("volumes", "security_groups")] == [1, 1]
    owned = machine(run_dir)
    assert (owned["intent"]["zone"], owned["zones"], owned["refused"]) == ("fr-par-2", ["fr-par-1", "fr-par-2"], None)
    assert until(lambda: server("found"), "ready")["ready"]
    assert server("present", fallbacks=ELSEWHERE)["changed"] is False
    assert server("sealed")["changed"] is True
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0
    assert machine(run_dir)["proof"]["zone"] == "fr-par-2, fr-par-1"


def test_another_type_in_the_same_zone(server: Any, cloud: Cloud, run_dir: Path) -> None:
    faults.switch(cloud.simulator, "out_of_stock", on=True, count=2)
    server("present", fallbacks=ELSEWHERE)
    row = cloud.records("servers")[0]
    assert (row["zone"], row["commercial_type"]) == ("fr-par-1", "DEV1-M")
    assert machine(run_dir)["price"]["compute"] == pytest.approx(0.020196)


@pytest.mark.parametrize("check", [False, True], ids=["order", "preflight"])
def test_out_of_stock_everywhere_is_a_sentence(server: Any, cloud: Cloud, run_dir: Path, check: bool) -> None:
    told = {"servers": {name: {"availability": "shortage"} for name in ("DEV1-S", "DEV1-M")}}
    for _ in range(3):
        cloud.fault("GET /products/servers/availability", Response(200, told))
    failed = server("present", fallbacks=ELSEWHERE, _ansible_check_mode=check)
    assert "out of stock: DEV1-S in fr-par-1, DEV1-S in fr-par-2, DEV1-M in fr-par-1" in failed["msg"]
    assert cloud.made("POST", "/servers") == 0
    assert leftovers(cloud) == 0
    assert not ledger.may_be_running(ledger.read(run_dir))


def test_a_run_that_asked_stays_where_it_asked(server: Any, cloud: Cloud, run_dir: Path) -> None:
    cloud.fault("POST /servers", None, after=True)
    cloud.fault("GET /servers", Response(200, {"servers": []}))
    server("present", fallbacks=ELSEWHERE)
    cloud.fault("POST /servers", Response(412, STOCK))
    server("present", fallbacks=ELSEWHERE)
    assert [row["zone"] for row in cloud.records("servers")] == ["fr-par-1"]


def test_what_cannot_be_given_back_stops_the_search(server: Any, cloud: Cloud, run_dir: Path) -> None:
    faults.switch(cloud.simulator, "out_of_stock", on=True, at="poweron", count=1)
    body = {"type": "permissions_denied", "message": "no", "details": [{"resource": "server", "action": "delete"}]}
    cloud.faults.append(("DELETE", "", lambda _request: Response(403, body)))
    failed = server("present", fallbacks=ELSEWHERE)
    assert "Not removed, and it may cost money" in failed["msg"]
    assert "https://console.scaleway.com/instance/servers" in failed["msg"]
    assert ledger.may_be_running(ledger.read(run_dir))
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0


@pytest.fixture
def key(module: Any, run_dir: Path) -> Any:
    def call(**options: Any) -> dict[str, Any]:
        common = {"run_id": RUN, "run_dir": str(run_dir), "expires_at": "2099-08-26T12:00:00Z"}
        result: dict[str, Any] = module(scaleway_switch_key, **{**common, **options})
        return result

    return call


def test_the_key_may_act_in_one_project_and_ends(server: Any, key: Any, cloud: Cloud, run_dir: Path) -> None:
    server("present")
    until(lambda: server("found"), "ready")
    secret = key()["secret_key"]
    first = cloud.records("api_keys")[0]
    assert (first["secret_key"], first["expires_at"][:19]) == (secret, "2099-08-26T12:00:00")
    rule = cloud.records("policies")[0]["rules"][0]
    assert (rule["permission_set_names"], rule["project_ids"]) == (["InstancesFullAccess"], [PROJECT])
    assert secret not in (run_dir / "ledger.json").read_text()
    again = key()["secret_key"]
    assert again != secret
    assert [len(cloud.records(kind)) for kind in IAM_KINDS] == [1, 1, 1]
    assert until(lambda: server("absent"), "finished")["finished"]
    assert [len(cloud.records(kind)) for kind in IAM_KINDS] == [0, 0, 0]


@pytest.mark.parametrize("call", ["POST /applications", "POST /policies"])
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_a_lost_answer_makes_no_second_application(server: Any, key: Any, cloud: Cloud, call: str, done: bool) -> None:
    server("present")
    cloud.fault(call, None, after=done)
    if key().get("failed"):
        key()
    assert [len(cloud.records(kind)) for kind in IAM_KINDS] == [1, 1, 1]


def test_without_the_right_it_says_what_the_switch_cannot_do(
    server: Any, key: Any, cloud: Cloud, run_dir: Path
) -> None:
    server("present")
    cloud.fault("GET /applications", NO_RIGHT)
    made = key()
    assert (made.get("failed"), made["secret_key"]) == (None, "")
    assert "which keeps billing; give it a key of its own with BURST_SCW_SWITCH_KEY" in made["message"]
    cloud.calls.clear()
    until(lambda: server("absent"), "finished")
    assert not [path for _, path in cloud.calls if path.startswith("/iam")]


def test_the_key_goes_without_a_ledger_and_for_who_may_not_look_it_is_no_failure(
    server: Any, key: Any, cloud: Cloud, module: Any
) -> None:
    server("present", expires_at="2026-08-23T10:00:00Z")
    key()
    reap = {"zones": ["fr-par-1"], "grace_minutes": 0, "state": "reaped"}
    module(scaleway_runs, **reap)
    assert until(lambda: module(scaleway_runs, **reap), "finished")["problems"] == []
    assert [len(cloud.records(kind)) for kind in IAM_KINDS] == [0, 0, 0]
    server("absent")
    cloud.faults.extend([("GET", "/applications", lambda _request: NO_RIGHT)] * 9)
    assert module(scaleway_runs, **reap)["finished"] is True


def test_a_key_that_cannot_be_removed_is_named_and_the_group_stays(server: Any, key: Any, cloud: Cloud) -> None:
    server("present")
    until(lambda: server("found"), "ready")
    key()
    access_key = cloud.records("api_keys")[0]["access_key"]
    cloud.fault(f"DELETE /{access_key}", NO_RIGHT)
    refused = until(lambda: server("absent"), "finished")
    assert "the API key of the dead-man switch, https://console.scaleway.com/iam/api-keys" in refused["msg"]
    assert len(cloud.records("security_groups")) == 1
    assert until(lambda: server("absent"), "finished")["finished"]
    assert leftovers(cloud) == 0


def test_a_wrong_clock_is_refused_before_anything(server: Any, cloud: Cloud, run_dir: Path) -> None:
    cloud.simulator.advance(3600)
    failed = server("present")
    assert "The clock of this computer is 60 min behind Scaleway's" in failed["msg"]
    assert {method for method, _ in cloud.calls} == {"GET"}
    assert json.loads((run_dir / "ledger.json").read_text())["machine"] == {}


def test_money_that_does_not_pay_the_first_hour_is_refused(server: Any, cloud: Cloud, run_dir: Path) -> None:
    # DEV1-S with 10 GB and an address: 0.013416 EUR.
    failed = server("present", max_eur=0.013)
    assert "The first hour of DEV1-S with disk and address costs 0.013 EUR" in failed["msg"]
    assert {method for method, _ in cloud.calls} == {"GET"}
    assert machine(run_dir) == {}


@pytest.mark.parametrize(
    ("max_eur", "hourly", "expires", "seconds"),
    [
        (2.0, 0.4, "", 5 * 3600 - 1800),
        (0.4, 0.4, "", 3600 - 900),
        (0, 0.4, "", None),
        # The machine ends itself after four days, whoever is still at work.
        (0, 0.4, "2026-08-26T10:00:00Z", 94 * 3600),
        (0, 0, "2026-08-22T11:00:00Z", 3600 - 360),
        (2.0, 0.4, "2026-08-26T10:00:00Z", 5 * 3600 - 1800),
        (200.0, 0.4, "2026-08-26T10:00:00Z", 94 * 3600),
    ],
)
def test_the_work_ends_while_coming_home_is_paid_for_and_possible(
    max_eur: float, hourly: float, expires: str, seconds: int | None
) -> None:
    begun = moment("2026-08-22T10:00:00Z")
    ends_at = work_ends_at(begun, max_eur, hourly, expires)
    assert ends_at == (None if seconds is None else begun.timestamp() + seconds)


def test_the_ledger_knows_when_the_work_must_end(server: Any, run_dir: Path) -> None:
    server("present", max_eur=1.0)
    owned = machine(run_dir)
    begun = moment(owned["intent"]["at"])
    assert owned["work_ends_at"] == pytest.approx(begun.timestamp() + 0.9 * 3600 / 0.013416, abs=2)
    assert owned["price"]["source"] == "the provider's price list"
