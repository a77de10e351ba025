"""The running lab (script/lab up) as tests see it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from lab.control import services, settings

T = TypeVar("T")
CLOUD = f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}"


@pytest.fixture(scope="session")
def lab() -> None:
    """Fail early, and say why, when there is no lab to test."""
    if not services.answers(f"{CLOUD}/_lab/health"):
        pytest.fail("the lab is not up: run script/lab up first", pytrace=False)


def wait_for(read: Callable[[], T], wanted: Callable[[T], bool], seconds: float) -> T:
    """Poll until the reading is as wanted; the last reading is in the failure."""
    deadline = time.monotonic() + seconds
    while True:
        reading = read()
        if wanted(reading):
            return reading
        if time.monotonic() > deadline:
            pytest.fail(f"still {reading!r} after {seconds} s")
        time.sleep(0.1)


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def rclone_environment(key: tuple[str, str]) -> dict[str, str]:
    """The remote LAB: of an rclone that has no configuration file."""
    return {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_LAB_TYPE": "s3",
        "RCLONE_CONFIG_LAB_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_LAB_ENDPOINT": f"http://{settings.S3_ADDRESS}:{settings.S3_PORT}",
        "RCLONE_CONFIG_LAB_REGION": settings.S3_REGION,
        "RCLONE_CONFIG_LAB_ACCESS_KEY_ID": key[0],
        "RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY": key[1],
    }


class Guest:
    """A shell on a rented machine, by SSH with pinned host key."""

    def __init__(self, address: str, directory: Path) -> None:
        self.options = [
            *("-i", str(directory / "id"), "-o", f"UserKnownHostsFile={directory / 'known_hosts'}"),
            *("-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2"),
            f"root@{address}",
        ]

    def attempt(self, command: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
        exports = "".join(f"export {name}='{value}'; " for name, value in (environment or {}).items())
        done = subprocess.run(
            ["ssh", *self.options, exports + command], capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def run(self, command: str, environment: dict[str, str] | None = None) -> str:
        code, printed = self.attempt(command, environment)
        assert code == 0, f"{command}: {printed}"
        return printed
