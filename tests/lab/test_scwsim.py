"""A rented machine of the lab, from the first call to the last trace: real Docker, SSH, cloud-init, FUSE."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from lab.control import settings

from .conftest import CLOUD, docker, rclone_environment, wait_for
from .rented import ZONE, Rented, call

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

MOUNT = "rclone mount LAB:plex-media /mnt/media --read-only --allow-other --daemon --daemon-wait 20s"


@pytest.fixture(scope="module")
def group(lab: None) -> Iterator[str]:
    """A security group that lets in SSH and nothing else."""
    wish = {"name": "lab-test", "project": settings.CLOUD_PROJECT, "inbound_default_policy": "drop", "stateful": True}
    identifier = str(call("POST", f"{ZONE}/security_groups", wish)[1]["security_group"]["id"])
    url = f"{ZONE}/security_groups/{identifier}"
    assert call("POST", f"{url}/rules", {"protocol": "TCP", "dest_port_from": 22})[0] == 201
    yield identifier
    assert call("DELETE", url)[0] == 204


@pytest.fixture(scope="module")
def rented(group: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rented]:
    server = Rented("lab-test-machine", tmp_path_factory.mktemp("machine"), security_group=group)
    server.wait_until_running()
    server.wait_until_prepared()
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


def opens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=0.5):
            return True
    except OSError:
        return False


def test_from_outside_only_what_the_security_group_lets_in_answers(rented: Rented, group: str) -> None:
    rented.guest.run("systemd-run --quiet python3 -m http.server 8099")
    rented.guest.run("curl -fsS --retry 20 --retry-connrefused --retry-delay 1 -o /dev/null http://127.0.0.1:8099")
    assert (opens(rented.address, 22), opens(rented.address, 8099)) == (True, False)
    rules = f"{ZONE}/security_groups/{group}/rules"
    rule = call("POST", rules, {"protocol": "TCP", "dest_port_from": 8099})[1]["rule"]["id"]
    wait_for(lambda: opens(rented.address, 8099), bool, 90)
    call("DELETE", f"{rules}/{rule}")
    wait_for(lambda: opens(rented.address, 8099), lambda opened: not opened, 90)
    assert opens(rented.address, 22)


def test_the_machine_reads_its_metadata_at_the_link_local_address(rented: Rented) -> None:
    source = "http://169.254.42.42"
    conf = json.loads(rented.guest.run(f"curl -fsS '{source}/conf?format=json'"))
    assert (conf["id"], conf["public_ips"][0]["address"]) == (rented.id, rented.address)
    user_data = rented.guest.run(f"curl -fsS --local-port 1-1023 {source}/user_data/cloud-init")
    assert user_data.startswith("#cloud-config")
    assert rented.guest.attempt(f"curl -fsS --local-port 1024-65535 {source}/user_data/cloud-init")[0] != 0


def test_a_reboot_keeps_the_machine_and_its_address(rented: Rented) -> None:
    before = rented.read()
    boot = rented.guest.run("stat -c %Y /run/systemd/system; touch /root/kept")
    rented.guest.attempt("systemctl reboot")
    wait_for(lambda: rented.guest.attempt("stat -c %Y /run/systemd/system"), lambda r: r[0] == 0 and r[1] != boot, 150)
    rented.guest.run("test -e /root/kept")
    after = rented.read()
    assert (after["state"], after["public_ip"]) == ("running", before["public_ip"])
    assert "-j DROP" in docker("exec", rented.container, "iptables", "-t", "mangle", "-S")


def test_a_shutdown_in_the_guest_bills_on_and_terminate_leaves_nothing(rented: Rented) -> None:
    rented.guest.attempt("systemctl poweroff")
    stopped = rented.wait_until("stopped in place", 90)
    assert stopped["public_ip"] is not None
    rented.act("terminate")
    rented.wait_until("gone", 90)
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
