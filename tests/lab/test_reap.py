"""A machine that shut itself down and was forgotten: it bills until somebody with credentials comes by."""

from __future__ import annotations

import hashlib
import json
import subprocess
import urllib.request
import uuid
from pathlib import Path

import pytest

from lab.control import settings
from lab.plexsim.plexsim.plex_tv import PlexTv
from module_utils.plex_account import account

from .conftest import CLOUD, ROOT, docker
from .rented import Rented
from .rented_role import Role

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

PLEX_TV = f"http://{settings.PLEX_TV_ADDRESS}:{settings.PLEX_TV_PORT}"
# Ansible's own, in which its filter to_uuid makes a name a UUID.
TO_UUID = uuid.UUID("361e6d51-faec-444a-9079-341386da8e2e")


def server_of(run_id: str) -> str:
    """What the image makes of the identity that a run gives its server."""
    text = f"{uuid.uuid5(TO_UUID, run_id)}- Plex Media Server"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def servers() -> set[str]:
    """The servers of the account."""
    return {device.clientIdentifier for device in account(settings.PLEX_TV_TOKEN, PLEX_TV).devices()}


def reap(*words: str) -> str:
    done = subprocess.run(
        ["wrapper", "reap", "--inventory", "lab", "--grace", "0", *words],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def running_meters(run_id: str) -> list[str]:
    with urllib.request.urlopen(f"{CLOUD}/_lab/bill", timeout=10) as answer:
        lines = json.load(answer)["lines"]
    return sorted(line["kind"] for line in lines if line["run"] == run_id and line["running"])


def test_what_shut_itself_down_bills_on_until_it_is_reaped(tmp_path: Path) -> None:
    role = Role(tmp_path)
    for server in (server_of(role.run_id), "somebody-elses"):
        assert PlexTv(PLEX_TV).exchange(settings.PLEX_TV_STANDING_CLAIM, server)
    tags = ["plex-burst", f"plex-burst-run={role.run_id}", "plex-burst-expires=2026-01-01T00:00:00Z"]
    forgotten = Rented(role.name, tmp_path, tags=tags)
    try:
        forgotten.wait_until_running()
        docker("exec", forgotten.container, "systemctl", "poweroff")
        forgotten.wait_until("stopped in place", 300)
        assert running_meters(role.run_id) == ["ip", "server", "volume"]
        assert "would mark server" in reap("--dry-run")
        assert forgotten.read()["tags"] == tags, "a dry run changes nothing"
        reap()
        assert forgotten.read()["state"] == "stopped in place", "the first call only marks it"
        assert server_of(role.run_id) in servers()
        reap()
        assert role.left() == []
        assert running_meters(role.run_id) == []
        assert server_of(role.run_id) not in servers(), "its server leaves the account with it"
        assert "somebody-elses" in servers()
    finally:
        forgotten.give_back()
