"""What the Scaleway stand-in's resources cost, on a clock that tests advance."""

from __future__ import annotations

from typing import Any

import pytest

from lab.control import bill as printed

from .conftest import BLOCK, ZONE, Cloud

RUN = "plex-burst-run=20260730T120000Z-0a1b"
HOUR = 3600


def advance(cloud: Cloud, hours: float) -> None:
    assert cloud.call("POST", "/_lab/clock", {"advance_seconds": hours * HOUR}, None)[0] == 200


def bill(cloud: Cloud) -> dict[str, Any]:
    told: dict[str, Any] = cloud.call("GET", "/_lab/bill", token=None)[1]
    return told


def euros(cloud: Cloud, kind: str) -> float:
    return sum(float(line["euros"]) for line in bill(cloud)["lines"] if line["kind"] == kind)


def test_a_run_costs_computing_disk_and_address_for_as_long_as_they_live(cloud: Cloud) -> None:
    server = cloud.running(tags=[RUN])
    advance(cloud, 6)
    cloud.act(server["id"], "terminate")
    cloud.pass_time(1)
    advance(cloud, 100)
    # superpower of the price table: 16 cores, 200 GB l_ssd, an address, 6 h, 2.38 EUR
    assert bill(cloud)["total"] == pytest.approx(0.39632 * 6, rel=0.001)
    assert list(bill(cloud)["runs"]) == ["20260730T120000Z-0a1b"]
    assert {line["running"] for line in bill(cloud)["lines"]} == {False}


def test_every_period_costs_an_hour_at_least(cloud: Cloud) -> None:
    server = cloud.running()
    cloud.act(server["id"], "poweroff")
    cloud.pass_time(1)
    assert euros(cloud, "server") == pytest.approx(0.38352)
    cloud.act(server["id"], "poweron")
    cloud.pass_time(5)
    assert euros(cloud, "server") == pytest.approx(2 * 0.38352)


def test_a_shutdown_in_the_guest_is_billed_as_if_it_ran(cloud: Cloud) -> None:
    server = cloud.running()
    cloud.driver.exit(f"plex-burst-lab-srv-{server['id']}", 130)
    cloud.pass_time(1)
    assert cloud.server(server["id"])["state"] == "stopped in place"
    advance(cloud, 10)
    assert euros(cloud, "server") == pytest.approx(10 * 0.38352, rel=0.01)


def test_a_stopped_server_costs_its_disk(cloud: Cloud) -> None:
    cloud.create()
    advance(cloud, 10)
    assert euros(cloud, "server") == 0
    assert euros(cloud, "volume") == pytest.approx(10 * 200 * 0.000044)


def test_what_terminate_leaves_bills_on_without_a_tag(cloud: Cloud) -> None:
    address = cloud.call("POST", f"{ZONE}/ips", {"tags": [RUN]})[1]["ip"]
    volumes = {"0": {"volume_type": "sbs_volume", "size": 100_000_000_000}}
    server = cloud.running(tags=[RUN], image="ubuntu_noble", volumes=volumes, public_ips=[address["id"]])
    cloud.act(server["id"], "terminate")
    cloud.pass_time(1)
    advance(cloud, 24)
    left = {line["kind"]: line for line in bill(cloud)["lines"] if line["running"]}
    assert sorted(left) == ["ip", "volume"]
    assert left["volume"]["euros"] == pytest.approx(24 * 100 * 0.000118, rel=0.01)
    assert left["ip"]["euros"] == pytest.approx(24 * 0.004, rel=0.01)
    # By its server one knows whose the volume is; by its own tags, the provider's only way, one does not.
    assert (left["volume"]["tagged"], left["volume"]["run"]) == (False, RUN.partition("=")[2])
    assert left["ip"]["tagged"] is True
    cloud.call("DELETE", f"{BLOCK}/volumes/{server['volumes']['0']['id']}")
    cloud.call("DELETE", f"{ZONE}/ips/{address['id']}")
    assert [line for line in bill(cloud)["lines"] if line["running"]] == []


def test_resources_of_nobodys_run_are_billed_under_no_name(cloud: Cloud) -> None:
    cloud.create(tags=[])
    assert list(bill(cloud)["runs"]) == [""]


def test_the_third_zone_of_paris_costs_half_as_much_again(cloud: Cloud) -> None:
    path = ZONE.replace("fr-par-1", "fr-par-3")
    body = {"name": "a", "commercial_type": "GP1-M", "image": "ubuntu_noble"}
    server = cloud.call("POST", f"{path}/servers", body)[1]["server"]
    cloud.call("POST", f"{path}/servers/{server['id']}/action", {"action": "poweron"})
    cloud.pass_time(1)
    assert euros(cloud, "server") == pytest.approx(0.38352 * 1.5)
    assert euros(cloud, "volume") == pytest.approx(10 * 0.000177)


@pytest.mark.parametrize("body", [{"advance_seconds": -1}, {"advance_seconds": "much"}, {}, {"advance_seconds": True}])
def test_time_goes_forward_by_a_number(cloud: Cloud, body: dict[str, Any]) -> None:
    assert cloud.call("POST", "/_lab/clock", body, None)[0] == 400
    assert cloud.call("GET", "/_lab/clock")[1]["advanced_seconds"] == 0


def test_the_bill_for_a_person_names_runs_what_runs_on_and_what_no_tag_finds(cloud: Cloud) -> None:
    server = cloud.running(tags=[RUN], image="ubuntu_noble", volumes={})
    cloud.create(tags=[], name="other")
    cloud.act(server["id"], "terminate")
    cloud.pass_time(1)
    image = "Ubuntu 24.04 Noble Numbat_sbs_volume_0"
    assert printed.lines(bill(cloud)) == [
        "20260730T120000Z-0a1b: 0.3887 EUR",
        f"  volume {image} sbs_volume 10 GB, fr-par-1: 1.00 h at 0.001180 = 0.0012 EUR (runs on, no tag of its own)",
        "  server job-1 GP1-M, fr-par-1: 1.00 h at 0.383520 = 0.3835 EUR",
        "  ip     10.213.79.65, fr-par-1: 1.00 h at 0.004000 = 0.0040 EUR (no tag of its own)",
        "no run: 0.0088 EUR",
        "  volume Debian Bookworm l_ssd 200 GB, fr-par-1: 1.00 h at 0.008800 = 0.0088 EUR (runs on, no tag of its own)",
        "in all: 0.3975 EUR",
    ]
