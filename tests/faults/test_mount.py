"""The mount as a container sees it: remounted it is never empty, nothing can be written, faults cost no row."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from soak.mount_rig import Rig, rig, wait

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

# What a scanner would see, looked at as quickly as it goes: names of what listing the mount came to.
READER = """
import collections, json, os, sys, time
seen, end = collections.Counter(), time.monotonic() + float(sys.argv[1])
while time.monotonic() < end:
    try:
        seen["files" if os.listdir("/media/library") else "EMPTY"] += 1
    except OSError as error:
        seen[os.strerror(error.errno)] += 1
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def machine() -> Iterator[Rig]:
    """The machine stays for the campaign of mount faults; script/lab down removes it."""
    with rig() as machine:
        machine.reset()
        yield machine


def in_plex(command: str) -> str:
    return f"docker exec --user 1000 plex {command}"


def test_remounts_reach_the_container_and_never_show_an_empty_directory(machine: Rig) -> None:
    machine.sh("systemctl stop plex-burst-guard")
    reader = in_plex(f"python3 -c {shlex.quote(READER)} 6")
    machine.sh(
        f"{reader} > /tmp/seen.json & sleep 1; for _ in 1 2 3; do"
        " kill -KILL $(systemctl show -P MainPID plex-burst-mount); sleep 1; done; wait"
    )
    seen = machine.sh("cat /tmp/seen.json")
    assert "files" in seen, seen
    assert "not connected" in seen, f"the remounts did not happen under the reader's eyes: {seen}"
    assert "EMPTY" not in seen, seen
    wait(machine.reads, True, 20, "the container does not see the new generation")


def test_nothing_can_be_written_from_the_container(machine: Rig) -> None:
    machine.reset()
    said = machine.sh(in_plex("touch /media/library/written") + " 2>&1")
    assert "Read-only file system" in said


def test_a_killed_mount_makes_plex_wait_and_not_fail(machine: Rig) -> None:
    machine.reset()
    reader = in_plex(f"python3 -c {shlex.quote(READER)} 8")
    machine.sh(f"{reader} > /tmp/seen.json & sleep 1; kill -KILL $(systemctl show -P MainPID plex-burst-mount); wait")
    seen = machine.sh("cat /tmp/seen.json")
    assert "files" in seen, seen
    assert "EMPTY" not in seen, seen
    (window,) = machine.windows(0)
    assert window["cause"] == "the process of the mount ended"
    assert window["to"] - window["from"] < 10


def test_a_bucket_that_does_not_answer_freezes_and_remounts_nothing(machine: Rig) -> None:
    machine.reset()
    pid = machine.status()["pid"]
    machine.scan()
    machine.fault("s3_status", True, status=503)
    wait(lambda: machine.status()["state"], "s3_down", 30, "the outage was not found")
    machine.heal()
    wait(lambda: machine.status()["frozen"], False, 90, "Plex was not let go")
    assert machine.status()["pid"] == pid, "S3 was away; a remount helps nobody"
