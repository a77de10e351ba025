"""The API side of the Scaleway stand-in: authentication, lists, pages, offer, refusals, the log."""

from __future__ import annotations

from typing import Any

import pytest

from lab.scwsim.http_server import masked

from .conftest import PROJECT, TOKEN, ZONE, Cloud


@pytest.mark.parametrize(("token", "status", "reason"), [(None, 401, "not_found"), ("wrong", 401, "invalid_argument")])
def test_a_call_without_our_token_is_denied(cloud: Cloud, token: str | None, status: int, reason: str) -> None:
    answered = cloud.call("GET", f"{ZONE}/servers", token=token)
    assert answered[0] == status
    assert (answered[1]["type"], answered[1]["reason"]) == ("denied_authentication", reason)


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("servers", "instance_server"),
        ("volumes", "instance_volume"),
        ("ips", "instance_ip"),
        ("images", "instance_image"),
        ("security_groups", "instance_security_group"),
    ],
)
def test_what_does_not_exist_is_not_found_by_its_recorded_name(cloud: Cloud, path: str, resource: str) -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    status, answered, _ = cloud.call("GET", f"{ZONE}/{path}/{missing}")
    assert (status, answered["resource"], answered["resource_id"]) == (404, resource, missing)


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"commercial_type": None, "image": None, "volumes": None}, ["commercial_type", "image", "volumes"]),
        ({"commercial_type": "NOPE-1"}, ["commercial_type"]),
        ({"commercial_type": "DEV1-S"}, ["volumes"]),
        ({"volumes": {"0": {"volume_type": "l_ssd", "size": 9_000_000_512}}}, ["volumes"]),
        ({"volumes": {"0": {"volume_type": "l_ssd", "size": 10_000_000_001}}}, ["volumes"]),
        ({"volumes": {"0": {"volume_type": "tape", "size": 10_000_000_000}}}, ["volumes"]),
    ],
    ids=["nothing", "unknown type", "disk too big for the type", "too small", "not by 512", "tape"],
)
def test_a_wrong_create_is_refused_by_argument_and_creates_nothing(
    cloud: Cloud, changes: dict[str, Any], arguments: list[str]
) -> None:
    body = {
        "name": "job",
        "commercial_type": "GP1-M",
        "image": "debian_bookworm",
        "volumes": {"0": {"volume_type": "l_ssd", "size": 200_000_000_000}},
        **changes,
    }
    status, answered, _ = cloud.call("POST", f"{ZONE}/servers", body)
    assert (status, answered["type"]) == (400, "invalid_arguments")
    assert [detail["argument_name"] for detail in answered["details"]] == arguments
    state = cloud.call("GET", "/_lab/state")[1]
    assert (state["servers"], state["volumes"]) == ([], [])


def image_id(cloud: Cloud, kind: str, zone: str = "fr-par-1") -> str:
    path = f"/marketplace/v2/local-images?image_label=ubuntu_jammy&zone={zone}&type={kind}"
    status, answered, _ = cloud.call("GET", path, token=None)
    assert (status, answered["total_count"]) == (200, 2 if kind == "instance_sbs" else 1)
    return next(str(image["id"]) for image in answered["local_images"] if image["arch"] == "x86_64")


@pytest.mark.parametrize(
    ("image", "volumes", "volume_type", "size"),
    [
        ("ubuntu_jammy", None, "sbs_volume", None),
        ("ubuntu_jammy", {"0": {"volume_type": "l_ssd"}}, "l_ssd", 10_000_000_000),
        ("ubuntu_jammy", {"0": {"volume_type": "l_ssd", "size": 12_000_000_000}}, "l_ssd", 12_000_000_000),
        ("instance_local", None, "l_ssd", 40_000_000_000),
        ("instance_sbs", {"0": {"boot": False}}, "sbs_volume", None),
    ],
)
def test_the_root_volume_that_comes_with_an_image(
    cloud: Cloud, image: str, volumes: Any, volume_type: str, size: int | None
) -> None:
    reference = image_id(cloud, image) if image.startswith("instance_") else image
    server = cloud.create(commercial_type="DEV1-M", image=reference, volumes=volumes)
    root = server["volumes"]["0"]
    assert (root["volume_type"], root.get("size")) == (volume_type, size)


def test_a_label_is_another_image_in_each_zone(cloud: Cloud) -> None:
    here, there = (image_id(cloud, "instance_local", zone) for zone in ("fr-par-1", "fr-par-2"))
    assert here != there
    elsewhere = ZONE.replace("fr-par-1", "fr-par-2")
    assert [cloud.call("GET", f"{zone}/images/{there}")[0] for zone in (ZONE, elsewhere)] == [404, 200]
    body = {"name": "job", "commercial_type": "DEV1-M", "image": there}
    status, answered, _ = cloud.call("POST", f"{ZONE}/servers", body)
    assert (status, answered["resource"]) == (404, "instance_image")
    assert cloud.call("POST", f"{elsewhere}/servers", body)[0] == 201


def test_the_name_filter_is_a_substring_and_the_newest_comes_first(cloud: Cloud) -> None:
    for name in ("job-1", "job-10", "other"):
        cloud.create(name=name)
    found = cloud.call("GET", f"{ZONE}/servers?name=job-1&per_page=1&junk=yes")[1]["servers"]
    assert [server["name"] for server in found] == ["job-10"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("tags=run%3D1", ["b", "a"]),
        ("tags=run%3D1,plex-burst", ["a"]),
        ("project=33333333-3333-4333-8333-333333333333", ["c"]),
        ("tags=none", []),
    ],
)
def test_lists_are_filtered_by_exact_tags_and_project(cloud: Cloud, query: str, names: list[str]) -> None:
    cloud.create(name="a", tags=["plex-burst", "run=1"])
    cloud.create(name="b", tags=["run=1"])
    cloud.create(name="c", tags=["run=10"], project="33333333-3333-4333-8333-333333333333")
    found = cloud.call("GET", f"{ZONE}/servers?{query}")[1]["servers"]
    assert [server["name"] for server in found] == names


def test_pages_are_counted_and_linked(cloud: Cloud) -> None:
    for number in range(5):
        cloud.create(name=f"job-{number}", commercial_type="DEV1-M", volumes={})
    _, first, headers = cloud.call("GET", f"{ZONE}/servers?per_page=2")
    assert [server["name"] for server in first["servers"]] == ["job-4", "job-3"]
    assert headers["X-Total-Count"] == "5"
    assert headers["Link"] == ('</servers?page=2&per_page=2&>; rel="next",</servers?page=3&per_page=2&>; rel="last"')
    _, last, headers = cloud.call("GET", f"{ZONE}/servers?per_page=2&page=3")
    assert [server["name"] for server in last["servers"]] == ["job-0"]
    assert 'rel="next"' not in headers["Link"]
    assert cloud.call("GET", f"{ZONE}/servers?page=none")[0] == 400


def test_an_empty_list_links_to_page_zero(cloud: Cloud) -> None:
    _, answered, headers = cloud.call("GET", f"{ZONE}/servers")
    assert (answered, headers["Link"]) == ({"servers": []}, '</servers?page=0&per_page=50&>; rel="last"')


@pytest.mark.parametrize(
    ("zone", "price", "stock"),
    [
        ("fr-par-1", 0.38352, "available"),
        ("fr-par-3", 0.57528, "scarce"),
    ],
)
def test_the_offer_tells_prices_limits_and_stock(cloud: Cloud, zone: str, price: float, stock: str) -> None:
    products = f"/instance/v1/zones/{zone}/products/servers"
    offered = cloud.call("GET", products, token=None)[1]["servers"]["GP1-M"]
    assert offered["hourly_price"] == pytest.approx(price)
    assert offered["volumes_constraint"]["max_size"] == 600 * 10**9
    available = cloud.call("GET", f"{products}/availability", token=None)[1]["servers"]
    assert available["GP1-M"] == {"availability": stock}
    assert ("DEV1-S" in available) is (zone == "fr-par-1")


def test_clients_that_send_null_bodies_and_unknown_zones(cloud: Cloud) -> None:
    server = cloud.create()
    assert cloud.call("GET", f"{ZONE}/servers/{server['id']}?", None)[0] == 200
    assert cloud.call("DELETE", f"{ZONE}/servers/{server['id']}?", None)[0] == 204
    assert cloud.call("GET", "/instance/v1/zones/xx-yyy-9/servers")[0] == 404
    assert cloud.call("PUT", f"{ZONE}/servers")[0] == 405


def test_a_security_group_lives_with_its_rules_until_nobody_uses_it(cloud: Cloud) -> None:
    made = cloud.call("POST", f"{ZONE}/security_groups", {"name": "ssh only", "project": PROJECT})[1]
    group = made["security_group"]
    rules = f"{ZONE}/security_groups/{group['id']}/rules"
    rule = cloud.call("POST", rules, {"protocol": "TCP", "dest_port_from": 22})[1]["rule"]
    assert [found["id"] for found in cloud.call("GET", rules)[1]["rules"]] == [rule["id"]]
    assert cloud.call("DELETE", f"{rules}/{rule['id']}")[0] == 204
    server = cloud.create(security_group=group["id"])
    assert cloud.call("DELETE", f"{ZONE}/security_groups/{group['id']}")[0] == 412
    cloud.call("DELETE", f"{ZONE}/servers/{server['id']}")
    assert cloud.call("DELETE", f"{ZONE}/security_groups/{group['id']}")[0] == 204


def test_secrets_do_not_reach_the_request_log() -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"
    shown = masked(f"a {key} b {TOKEN} c".encode(), TOKEN)
    assert shown == "a (private key) b (token) c"
    assert "abc" not in masked(b"-----BEGIN OPENSSH PRIVATE KEY-----\nabc (cut off", TOKEN)
