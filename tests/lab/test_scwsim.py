"""A rented machine of the lab, from the first call to the last trace: real Docker, SSH, cloud-init, FUSE."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.control import settings

from .conftest import CLOUD, Guest, docker, rclone_environment, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

ZONE = f"{CLOUD}/instance/v1/zones/fr-par-1"
MOUNT = "rclone mount LAB:plex-media /mnt/media --read-only --allow-other --daemon --daemon-wait 20s"


def call(method: str, url: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"X-Auth-Token": settings.CLOUD_TOKEN, "Content-Type": media}
    request = urllib.request.Request(url, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def cloud_config(directory: Path) -> str:
    for name in ("id", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    private = "\n    ".join((directory / "host").read_text().splitlines())
    return (
        "#cloud-config\n"
        f"users:\n- name: root\n  ssh_authorized_keys: ['{(directory / 'id.pub').read_text().strip()}']\n"
        f"ssh_keys:\n  ed25519_private: |\n    {private}\n"
        f"  ed25519_public: {(directory / 'host.pub').read_text()}"
        "write_files:\n- {path: /etc/fuse.conf, content: 'user_allow_other'}\n"
    )


class Rented:
    """A server and its guest."""

    def __init__(self, name: str, directory: Path) -> None:
        body = {
            "name": name,
            "commercial_type": "DEV1-S",
            "image": "debian_bookworm",
            "volumes": {"0": {"volume_type": "l_ssd", "size": 20_000_000_000}},
            "project": settings.CLOUD_PROJECT,
            "tags": ["lab-test"],
        }
        status, made = call("POST", f"{ZONE}/servers", body)
        assert status == 201, made
        self.id: str = made["server"]["id"]
        self.container = f"{settings.PREFIX}-srv-{self.id}"
        self.volume: str = made["server"]["volumes"]["0"]["id"]
        self.url = f"{ZONE}/servers/{self.id}"
        user_data = f"{self.url}/user_data/cloud-init"
        assert call("PATCH", user_data, cloud_config(directory), "text/plain")[0] == 204
        self.act("poweron")
        address = self.wait_until("running", 30)["public_ip"]["address"]
        host_key = (directory / "host.pub").read_text()
        (directory / "known_hosts").write_text(f"{address} {host_key}")
        self.guest = Guest(address, directory)

    def read(self) -> dict[str, Any]:
        server: dict[str, Any] = call("GET", self.url)[1].get("server", {"state": "gone"})
        return server

    def act(self, action: str) -> None:
        status, answered = call("POST", f"{self.url}/action", {"action": action})
        assert status == 202, answered

    def wait_until(self, state: str, seconds: float) -> dict[str, Any]:
        return wait_for(self.read, lambda server: server["state"] == state, seconds)

    def wait_for_login(self) -> None:
        wait_for(lambda: self.guest.attempt("true")[0], lambda code: code == 0, 60)

    def give_back(self) -> None:
        if self.read()["state"] in {"running", "stopped in place"}:
            self.act("terminate")
        self.wait_until("gone", 30)


@pytest.fixture(scope="module")
def rented(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rented]:
    server = Rented("lab-test-machine", tmp_path_factory.mktemp("machine"))
    server.wait_for_login()
    yield server
    server.give_back()


def test_cloud_init_configures_the_machine_from_the_user_data(rented: Rented) -> None:
    assert "status: done" in rented.guest.run("cloud-init status --wait")
    assert rented.guest.run("hostname; cat /etc/fuse.conf") == "lab-test-machine\nuser_allow_other"
    keys = rented.guest.run("ls /etc/ssh/ssh_host_*_key")
    assert keys == "/etc/ssh/ssh_host_ed25519_key"
    assert rented.guest.run("systemctl is-system-running --wait") == "running"


def test_the_machine_accepts_no_password(rented: Rented) -> None:
    effective = rented.guest.run("sshd -T | grep -E '^(passwordauthentication|permitrootlogin)'")
    assert set(effective.splitlines()) == {"passwordauthentication no", "permitrootlogin without-password"}
    assert rented.guest.run("cut -d: -f2 /etc/shadow | tr -d '!*\\n'") == ""


def test_its_docker_pulls_the_plex_image_by_its_real_name_and_sees_a_mount(rented: Rented) -> None:
    release = f"rclone-{settings.RCLONE_VERSION}-linux-amd64"
    source = f"http://{settings.MIRROR_ADDRESS}:8000/rclone/{settings.RCLONE_VERSION}"
    rented.guest.run(
        f"cd /root && curl -fsSO {source}/{release}.zip && curl -fsS {source}/SHA256SUMS | sha256sum -c "
        f"&& unzip -qo {release}.zip && install {release}/rclone /usr/local/bin/ && mkdir -p /mnt/media"
    )
    rented.guest.run(MOUNT, rclone_environment(settings.S3_READER))
    names = rented.guest.run("ls /mnt/media")
    rented.guest.run(f"docker pull -q {settings.PLEX_IMAGE}")
    seen = rented.guest.run(f"docker run --rm -v /mnt/media:/m:ro --entrypoint ls {settings.PLEX_IMAGE} /m")
    assert seen == names
    assert "Music" in names.split()
    rented.guest.run("umount /mnt/media")


def test_the_machine_can_reach_the_api_that_ends_it(rented: Rented) -> None:
    assert rented.guest.run(f"curl -fsS {CLOUD}/_lab/health") == '{"ok": true}'


def test_a_reboot_keeps_the_machine_and_its_address(rented: Rented) -> None:
    before = rented.read()
    boot = rented.guest.run("stat -c %Y /run/systemd/system; touch /root/kept")
    rented.guest.attempt("systemctl reboot")
    wait_for(lambda: rented.guest.attempt("stat -c %Y /run/systemd/system"), lambda r: r[0] == 0 and r[1] != boot, 60)
    rented.guest.run("test -e /root/kept")
    after = rented.read()
    assert (after["state"], after["public_ip"]) == ("running", before["public_ip"])


def test_a_shutdown_in_the_guest_bills_on_and_terminate_leaves_nothing(rented: Rented) -> None:
    rented.guest.attempt("systemctl poweroff")
    stopped = rented.wait_until("stopped in place", 30)
    assert stopped["public_ip"] is not None
    rented.act("terminate")
    rented.wait_until("gone", 30)
    assert call("GET", f"{ZONE}/volumes/{rented.volume}")[0] == 404
    label = f"label={settings.LABEL}.machine={rented.container}"
    assert docker("ps", "--all", "--quiet", "--filter", label) == ""
    assert docker("volume", "ls", "--quiet", "--filter", f"name={rented.container}") == ""
    state = call("GET", f"{CLOUD}/_lab/state")[1]
    ours = [server["name"] for server in state["servers"] if "lab-test" in server["tags"]]
    assert ours == []


def test_the_request_log_tells_calls_and_no_secret(rented: Rented) -> None:
    lines = [json.loads(line) for line in (settings.LOGS / "scwsim.jsonl").read_text().splitlines()]
    ours = [line for line in lines if rented.id in line.get("path", "")]
    assert {"PATCH", "POST", "GET"} <= {line["method"] for line in ours}
    user_data = next(line for line in ours if line["path"].endswith("/user_data/cloud-init"))
    assert "(private key)" in user_data["body"]
    assert "PRIVATE KEY" not in json.dumps(lines)
    assert settings.CLOUD_TOKEN not in json.dumps(lines)
