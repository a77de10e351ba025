"""Servers rented from the lab's cloud, with a shell on their machines."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lab.control import settings

from .conftest import CLOUD, Guest, wait_for

ZONE = f"{CLOUD}/instance/v1/zones/fr-par-1"


def call(method: str, url: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    headers = {"X-Auth-Token": settings.CLOUD_TOKEN, "Content-Type": media}
    request = urllib.request.Request(url, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
            as_json = text and answer.headers["Content-Type"] == "application/json"
            return answer.status, json.loads(text) if as_json else text
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

    def __init__(self, name: str, directory: Path, **more: Any) -> None:
        body = {
            "name": name,
            "commercial_type": "DEV1-S",
            "image": "debian_bookworm",
            "volumes": {"0": {"volume_type": "l_ssd", "size": 20_000_000_000}},
            "project": settings.CLOUD_PROJECT,
            "tags": ["lab-test"],
            **more,
        }
        status, made = call("POST", f"{ZONE}/servers", body)
        assert status == 201, made
        self.id: str = made["server"]["id"]
        self.container = f"{settings.PREFIX}-srv-{self.id}"
        self.volume: str = made["server"]["volumes"]["0"]["id"]
        self.url = f"{ZONE}/servers/{self.id}"
        user_data = f"{self.url}/user_data/cloud-init"
        assert call("PATCH", user_data, cloud_config(directory), "text/plain")[0] == 204
        self.directory = directory
        self.act("poweron")

    def wait_until_running(self) -> None:
        """Wait for the address, and pin the host key of the user-data for it."""
        self.address = self.wait_until("running", 150)["public_ip"]["address"]
        host_key = (self.directory / "host.pub").read_text()
        (self.directory / "known_hosts").write_text(f"{self.address} {host_key}")
        self.guest = Guest(self.address, self.directory)

    def read(self) -> dict[str, Any]:
        server: dict[str, Any] = call("GET", self.url)[1].get("server", {"state": "gone"})
        return server

    def act(self, action: str) -> None:
        status, answered = call("POST", f"{self.url}/action", {"action": action})
        assert status == 202, answered

    def wait_until(self, state: str, seconds: float) -> dict[str, Any]:
        return wait_for(self.read, lambda server: server["state"] == state, seconds)

    def wait_for_login(self) -> None:
        wait_for(lambda: self.guest.attempt("true")[0], lambda code: code == 0, 150)

    def wait_until_prepared(self) -> None:
        """A login alone is not enough: cloud-init restarts sshd after the first that succeeds."""
        wait_for(lambda: self.guest.attempt("cloud-init status --wait"), lambda answer: answer[0] == 0, 150)

    def give_back(self) -> None:
        if self.read()["state"] in {"running", "stopped in place"}:
            self.act("terminate")
        self.wait_until("gone", 90)
