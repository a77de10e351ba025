"""The running lab (script/lab up) as tests see it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from lab.control import services, settings
from lab.plexsim.plexsim import schema

from . import plexsim_container
from .plexsim_container import QUICK, Container, Start, remap
from .plexsim_container import docker as docker  # noqa: PLC0414 - so that it is a fixture here, too

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
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
        # By standard input: what is in a command line is seen by everybody, also by tests that look for keys there.
        script = "".join(f"export {name}='{value}'\n" for name, value in (environment or {}).items()) + command
        done = subprocess.run(
            ["ssh", *self.options, "bash -s"], input=script, capture_output=True, text=True, check=False, timeout=120
        )
        return done.returncode, (done.stdout + done.stderr).strip()

    def run(self, command: str, environment: dict[str, str] | None = None) -> str:
        code, printed = self.attempt(command, environment)
        assert code == 0, f"{command}: {printed}"
        return printed


@pytest.fixture(scope="session")
def image() -> str:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode:
        pytest.skip("no Docker daemon answers; script/bootstrap starts one")
    if subprocess.run(["docker", "image", "inspect", settings.BASE_IMAGE], check=False, capture_output=True).returncode:
        pytest.skip(f"the base image {settings.BASE_IMAGE} is not built; script/lab up builds it")
    tag = f"{settings.IMAGES}/plexsim:{settings.PREFIX}"
    return docker("build", "--quiet", "--tag", tag, str(ROOT / "lab" / "plexsim"))


@pytest.fixture(scope="session")
def make_media(image: str) -> Callable[[Path, Path], str]:
    """Make media and a home library in these two directories as the lab does; gives what was said."""

    def make(output: Path, home: Path) -> str:
        command = ["-m", "lab.media", "--output", str(output), "--home", str(home), "--plex-image", image]
        done = subprocess.run([sys.executable, *command], check=True, cwd=ROOT, capture_output=True, text=True)
        return done.stdout

    return make


@pytest.fixture(scope="session")
def collection(make_media: Callable[[Path, Path], str]) -> Path:
    lab = ROOT / ".lab"
    make_media(lab / "media", lab / "home")
    return lab


@pytest.fixture
def start(tmp_path: Path, image: str, collection: Path) -> Iterator[Start]:
    """Start a container on the remapped home library, or on what fills its databases; remove it afterwards."""
    started: list[str] = []

    def run(*options: str, claim: str = "claim-test", fill: Callable[[Path], object] | None = None) -> Container:
        name = f"plex-burst-test-plexsim-{os.getpid()}-{len(started)}"
        home = tmp_path / name / "Library" / "Application Support" / "Plex Media Server"
        home.mkdir(parents=True)
        media = tmp_path / f"{name}-media"
        shutil.copytree(collection / "media", media / "library", copy_function=os.link)
        tmp_path.chmod(0o755)
        if fill:
            (home / schema.DATABASES).mkdir(parents=True)
            fill(home / schema.DATABASES)
        else:
            shutil.unpack_archive(collection / "home" / "library.tar.gz", home, filter="data")
            remap(home / schema.DATABASES / schema.LIBRARY)
        subprocess.run(["chown", "-R", "1000:1000", str(tmp_path / name)], check=True)
        mounts = ("-v", f"{tmp_path / name}:/config", "-v", f"{media}:/media:ro")
        environment = {"PLEX_CLAIM": claim, **QUICK}
        names = [part for name in environment for part in ("-e", name)]
        words = ("run", "-d", "--name", name, "-p", "127.0.0.1::32400", *mounts, *names, *options, image)
        docker(*words, environment=environment)
        started.append(name)
        return Container(name, home, media / "library")

    yield run
    for name in started:
        docker("rm", "--force", "--volumes", name)


@pytest.fixture
def server(start: Start) -> Container:
    container = start()
    plexsim_container.wait_for(lambda: container.token() and container.status() == 200)
    return container
