"""Forgotten runs are found with nothing but credentials, marked, looked at again, removed; others are left alone."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from lab.scwsim import http_server
from lab.scwsim.routing import Response
from module_utils.ledger import utc_text
from module_utils.prices import moment
from module_utils.scaleway_judgement import Identity
from module_utils.scaleway_runs import Found, Patience, judge, runs_among, started, tags_with
from plugins.modules import scaleway_runs

from .conftest import NAME, PROJECT, RUN, TAG, Cloud
from .test_scaleway_server import FOREIGN, add_foreign, leftovers, until

PATIENCE = Patience(lifetime=5760, grace=15, silence=60)
NOON = moment("2026-08-26T12:00:00Z")
KINDS = ("servers", "volumes", "block_volumes", "ips", "security_groups")


def found(tags: list[str], kind: str = "servers") -> Found:
    row = {"id": "1", "name": NAME, "project": PROJECT, "tags": ["plex-burst", TAG, *tags]}
    listed: dict[str, list[dict[str, Any]]] = {name: [row] if name == kind else [] for name in KINDS}
    return runs_among(listed, PROJECT, "fr-par-1")[0]


def at(minutes: float) -> str:
    return utc_text(NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("tags", "kind", "verdict"),
    [
        ([f"plex-burst-expires={at(1)}"], "servers", "fresh"),
        ([f"plex-burst-expires={at(0)}"], "servers", "marked"),
        ([f"plex-burst-expires={at(0)}"], "security_groups", "remove"),
        # Begun four days and two hours before noon.
        ([], "servers", "marked"),
        (["plex-burst-expires=soon"], "servers", "marked"),
        ([f"plex-burst-doomed={at(-14)}"], "servers", "waiting"),
        ([f"plex-burst-doomed={at(-15)}"], "servers", "remove"),
        ([f"plex-burst-doomed={at(-15)}", f"plex-burst-beat={at(-59)}"], "servers", "alive"),
        ([f"plex-burst-doomed={at(-15)}", f"plex-burst-beat={at(-60)}"], "servers", "remove"),
        ([f"plex-burst-beat={at(-61)}"], "servers", "marked"),
        ([f"plex-burst-expires={at(-99)}", f"plex-burst-expires={at(9)}"], "servers", "fresh"),
    ],
)
def test_judgement(tags: list[str], kind: str, verdict: str) -> None:
    assert judge(found(tags, kind), NOON, PATIENCE)[0] == verdict


def test_a_run_is_known_by_its_exact_tag_in_our_project() -> None:
    rows = [{"id": str(number), "project": PROJECT, **wish} for number, wish in enumerate(FOREIGN)]
    listed: dict[str, list[dict[str, Any]]] = {name: rows if name == "servers" else [] for name in KINDS}
    assert runs_among(listed, PROJECT, "fr-par-1") == []
    assert utc_text(started(RUN)) == "2026-08-22T10:00:00Z"


def test_a_tag_is_replaced_and_removed_and_others_stay() -> None:
    before = ["plex-burst", f"plex-burst-doomed={at(0)}", TAG]
    assert tags_with(before, "plex-burst-doomed=", NOON + timedelta(hours=1)) == [
        "plex-burst",
        TAG,
        f"plex-burst-doomed={at(60)}",
    ]
    assert tags_with(before, "plex-burst-doomed=", None) == ["plex-burst", TAG]


@pytest.fixture
def runs(module: Any) -> Any:
    def call(state: str = "reaped", **options: Any) -> dict[str, Any]:
        common = {"zones": ["fr-par-1", "nl-ams-1"], "grace_minutes": 0}
        result: dict[str, Any] = module(scaleway_runs, state=state, **{**common, **options})
        return result

    return call


PAST = "2026-08-23T10:00:00Z"
FUTURE = "2099-08-23T10:00:00Z"


@pytest.mark.deep
@pytest.mark.parametrize("volume_type", ["l_ssd", "sbs_volume"])
def test_a_forgotten_run_goes_and_look_alikes_stay(server: Any, runs: Any, cloud: Cloud, volume_type: str) -> None:
    add_foreign(cloud)
    foreign = json.dumps([cloud.records(kind) for kind in ("servers", "volumes", "ips", "security_groups")])
    server("present", expires_at=PAST, volume_type=volume_type)
    until(lambda: server("found"), "ready")
    cloud.calls.clear()
    dry = runs(_ansible_check_mode=True)
    assert {method for method, _ in cloud.calls} == {"GET"}
    assert (dry["changed"], dry["runs"][0]["verdict"]) == (True, "marked")
    assert runs()["runs"][0]["done"] == [f"mark server {dry['runs'][0]['resources'][0]['id']}"]
    assert until(runs, "finished")["problems"] == []
    assert runs()["message"] == "nothing of ours is there"
    now = json.dumps([cloud.records(kind) for kind in ("servers", "volumes", "ips", "security_groups")])
    assert now == foreign


@pytest.mark.deep
def test_a_run_in_use_is_listed_with_its_price_and_left(server: Any, runs: Any, cloud: Cloud) -> None:
    server("present", expires_at=FUTURE)
    until(lambda: server("found"), "ready")
    row = runs("listed")["runs"][0]
    assert (row["verdict"], row["commercial_type"], row["price_known"]) == ("fresh", "DEV1-S", True)
    # Recorded: DEV1-S 0.008976, 10 GB of l_ssd 0.00044, one IPv4 address 0.004.
    assert row["eur_hour"] == pytest.approx(0.013416)
    assert row["eur_so_far"] == pytest.approx(row["eur_hour"] * row["age_hours"], rel=1e-3)
    before = leftovers(cloud)
    assert (runs()["changed"], runs()["finished"], leftovers(cloud)) == (False, True, before)


def test_who_is_heard_of_at_the_last_look_is_left_and_unmarked(
    server: Any, runs: Any, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    server("present", expires_at=PAST)
    runs()
    record = cloud.simulator.store.records("servers")[0]
    beat = [*record["tags"], f"plex-burst-beat={utc_text(cloud.simulator.clock())}"]

    # It is heard of after the listing was read.
    def answer(simulator: Any, request: Any, token: Any) -> Response:
        if request.method == "GET" and request.path.endswith(record["id"]):
            record["tags"] = beat
        return cloud.answer(simulator, request, token)

    monkeypatch.setattr(http_server, "answer", answer)
    done = runs()
    assert done["runs"][0]["verdict"] == "alive"
    assert len(cloud.records("servers")) == 1
    assert not any(tag.startswith("plex-burst-doomed") for tag in cloud.records("servers")[0]["tags"])


@pytest.mark.deep
def test_one_that_cannot_be_removed_does_not_save_the_others(server: Any, runs: Any, cloud: Cloud) -> None:
    server("present", expires_at=PAST)
    group = {"project": PROJECT, "name": "plex-burst-20260101t000000z-0000"}
    cloud.add("security_groups", {**group, "tags": ["plex-burst", "plex-burst-run=20260101T000000Z-0000"]})
    first = cloud.records("security_groups")[0]["id"]
    body = {"type": "permissions_denied", "message": "no", "details": [{"resource": "group", "action": "delete"}]}
    cloud.fault(f"DELETE /security_groups/{first}", Response(403, body))
    result = runs()
    assert "20260101T000000Z-0000" in result["problems"][0]
    assert "https://console.scaleway.com/instance/security-groups" in result["problems"][0]
    assert until(runs, "finished")["finished"]
    assert leftovers(cloud) == 0


def test_name_follows_from_the_id() -> None:
    assert found([]).identity == Identity(RUN, NAME, PROJECT, "fr-par-1")
