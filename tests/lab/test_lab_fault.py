"""``script/lab fault`` reaches the Plex of a machine, and what it switches is felt there."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.control import docker, settings
from tests.lab.conftest import wait_for

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
NAME = "fault-test"
MACHINE = f"{settings.PREFIX}-machine-{NAME}"


def lab_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "script" / "lab"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def identity() -> str:
    """The status that the machine's Plex answers with."""
    curl = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}")
    return docker.attempt("exec", MACHINE, *curl, "http://127.0.0.1:32400/identity").stdout


@pytest.fixture(scope="module")
def machine(lab: None) -> Iterator[str]:
    made = lab_command("machine", "up", NAME)
    assert made.returncode == 0, made.stderr
    try:
        run = ("docker", "run", "--detach", "--name", "plex", "--publish", "127.0.0.1:32400:32400")
        docker.run("exec", MACHINE, *run, settings.PLEX_IMAGE, timeout=120)
        wait_for(identity, lambda status: status == "200", 150)
        yield MACHINE
    finally:
        lab_command("machine", "down", NAME)


def test_a_fault_of_the_machines_plex_goes_on_and_off(machine: str) -> None:
    switched = lab_command("fault", "unavailable", "on")
    # The lab may have other machines with a Plex of their own.
    assert switched.returncode == 0, switched.stderr
    assert [f"plex@{machine}", "on", "unavailable"] in [line.split()[:3] for line in switched.stdout.splitlines()]
    assert identity() == "503"
    listed = lab_command("fault", "--list").stdout.splitlines()
    assert f"plex@{machine}" in [line.split()[0] for line in listed if line.split()[1] == "on"]
    assert lab_command("fault", "unavailable", "off").returncode == 0
    assert identity() == "200"


def test_the_other_stand_ins_listen_too(machine: str) -> None:
    places = {line.split()[0] for line in lab_command("fault", "--list").stdout.splitlines()}
    assert {"cloud", "plex.tv", f"plex@{machine}"} <= places
    assert lab_command("fault", "claim_refused", "on").returncode == 0
    assert lab_command("fault", "claim_refused").stdout.split()[:2] == ["plex.tv", "on"]
    assert lab_command("fault", "claim_refused", "off").returncode == 0


def test_a_frozen_plex_holds_nothing_up(machine: str) -> None:
    docker.run("exec", MACHINE, "docker", "pause", "plex")
    try:
        started = time.monotonic()
        refused = lab_command("fault", "nothing_like_that", "on")
        listed = lab_command("fault", "--list").stdout
        switched = lab_command("fault", "s3_latency", "off")
        assert time.monotonic() - started < 60, "docker exec would wait for two minutes, each time"
    finally:
        docker.run("exec", MACHINE, "docker", "unpause", "plex")
    assert refused.returncode == 1
    (sentence,) = refused.stderr.strip().splitlines()
    assert f"docker exec {MACHINE} docker unpause plex" in sentence
    assert f"plex@{MACHINE} cannot be asked" in listed
    assert switched.returncode == 0, "the others are switched all the same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing_like_that", "on"], "script/lab fault --list"),
        (["slow_answers", "on", "minutes=1"], "seconds"),
        ([], "script/lab fault NAME"),
    ],
)
def test_a_wrong_wish_is_one_sentence(machine: str, arguments: list[str], words: str) -> None:
    refused = lab_command("fault", *arguments)
    assert refused.returncode == 1
    assert words in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
