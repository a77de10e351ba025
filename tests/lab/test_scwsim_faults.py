"""Faults of rented machines, as somebody sees them who has to rent one: real SSH, real cloud-init."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import CLOUD, docker, wait_for
from .rented import ZONE, Rented, call

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

FAULTS = {
    "lab-test-slow": ("cloud_init_never_ends", "address_reused"),
    "lab-test-broken": ("cloud_init_fails",),
    "lab-test-false": ("wrong_host_key",),
    "lab-test-closed": ("ssh_never_opens",),
}


def switch(name: str, **wish: Any) -> None:
    status, answered = call("PUT", f"{CLOUD}/_lab/faults/{name}", wish)
    assert status == 200, answered


@pytest.fixture(scope="module")
def sick(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Rented]]:
    """A machine with each fault, all booted at once."""
    servers = {}
    try:
        for name, faults in FAULTS.items():
            for fault in faults:
                switch(fault, on=True, server=name)
            servers[name.removeprefix("lab-test-")] = Rented(name, tmp_path_factory.mktemp(name))
        for server in servers.values():
            server.wait_until_running()
        yield servers
    finally:
        for fault in (fault for faults in FAULTS.values() for fault in faults):
            switch(fault, on=False)
        for server in servers.values():
            server.give_back()


def cloud_init(server: Rented) -> str:
    return server.guest.attempt("cloud-init status")[1]


def unit(server: Rented, name: str) -> str:
    return docker("exec", server.container, "systemctl", "show", "--property=ActiveState,ConditionResult", name)


def test_cloud_init_that_ends_with_an_error(sick: dict[str, Rented]) -> None:
    sick["broken"].wait_for_login()
    wait_for(lambda: cloud_init(sick["broken"]), lambda status: "status: error" in status, 120)


def test_cloud_init_that_never_ends(sick: dict[str, Rented]) -> None:
    sick["slow"].wait_for_login()
    wait_for(lambda: sick["slow"].guest.attempt("pgrep -f 'sleep infinity'")[0], lambda code: code == 0, 120)
    assert "status: running" in cloud_init(sick["slow"])


def test_a_machine_that_shows_another_host_key_is_refused(sick: dict[str, Rented]) -> None:
    refused = wait_for(lambda: sick["false"].guest.attempt("true")[1], lambda said: "verification failed" in said, 120)
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused


def test_a_machine_whose_ssh_never_opens(sick: dict[str, Rented]) -> None:
    wait_for(lambda: unit(sick["closed"], "cloud-init.service"), lambda told: "ActiveState=active" in told, 120)
    wait_for(lambda: unit(sick["closed"], "ssh.service"), lambda told: "ConditionResult=no" in told, 120)
    assert "Connection refused" in sick["closed"].guest.attempt("true")[1]


def test_a_strangers_machine_at_the_old_address_is_not_ours(sick: dict[str, Rented]) -> None:
    former = sick["slow"]
    former.give_back()
    servers = wait_for(
        lambda: call("GET", f"{ZONE}/servers?name=stranger")[1]["servers"],
        lambda found: bool(found) and found[0]["state"] == "running",
        30,
    )
    assert servers[0]["public_ip"]["address"] == former.address
    try:
        refused = wait_for(lambda: former.guest.attempt("true")[1], lambda said: "verification failed" in said, 120)
        assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused
    finally:
        assert call("POST", f"{ZONE}/servers/{servers[0]['id']}/action", {"action": "terminate"})[0] == 202
