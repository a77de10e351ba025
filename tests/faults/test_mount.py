"""The mount as a container sees it: remounted it is never empty, nothing can be written, faults cost no row."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

import pytest

from soak.mount_rig import CACHE, Rig, rig, wait

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


def test_every_generation_shows_the_same_times(machine: Rig) -> None:
    machine.reset()
    # The top of the bucket has the time of its mount; Plex looks at what is right below it again, and no deeper.
    times = in_plex("find /media/library -mindepth 1 -printf '%y %T@ %P\\n'") + " | sort"
    before = machine.sh(times)
    folders = {line.split()[1] for line in before.splitlines() if line.startswith("d ")}
    assert folders == {"946684800.0000000000"}, "a folder has no time in S3; one that changes has Plex scan it again"
    pid = machine.status()["pid"]
    machine.sh("systemctl restart plex-burst-mount")
    wait(lambda: machine.status()["pid"] not in (0, pid), True, 60, "no other generation")
    wait(machine.reads, True, 30, "the container does not see the new generation")
    assert machine.sh(times) == before


def test_nothing_can_be_written_from_the_container(machine: Rig) -> None:
    machine.reset()
    # A bind with :ro stops nothing after a remount.
    machine.sh("systemctl kill --signal=KILL plex-burst-mount")
    wait(machine.reads, True, 30, "the container does not see the new generation")
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


def test_a_generation_that_dies_as_it_is_proved_holds_nobody_up(machine: Rig) -> None:
    machine.reset()
    first = machine.status()["pid"]
    # The proof takes a while, and the second death comes in the midst of it.
    machine.fault("s3_latency", True, seconds=3)
    machine.sh(f"kill -KILL {first}")

    def proving() -> bool:
        guard = machine.status()
        return bool(guard["state"] == "repairing" and guard["pid"] not in (0, first))

    wait(proving, True, 60, "no second generation came")
    machine.sh("kill -KILL $(systemctl show -P MainPID plex-burst-mount)")
    machine.heal()
    wait(machine.reads, True, 60, "the guard waited for a generation that was dead")


def test_a_generation_that_hangs_as_it_starts_is_not_waited_for_as_long_as_systemd_would(machine: Rig) -> None:
    machine.reset()
    state = "systemctl show -P ActiveState plex-burst-mount"
    # The next process is stopped before it is ready, which it usually is after a fraction of a second.
    machine.sh(
        "first=$(systemctl show -P MainPID plex-burst-mount); kill -KILL $first; next=0;"
        " while [ $next = 0 ] || [ $next = $first ]; do next=$(systemctl show -P MainPID plex-burst-mount); done;"
        " kill -STOP $next"
    )
    assert machine.sh(state) == "activating", "it was ready before it was stopped"
    wait(machine.reads, True, 70, "the generation that hangs was waited for")


def test_plex_stands_still_from_the_death_of_its_guard_until_the_next_has_looked(machine: Rig) -> None:
    machine.reset()
    machine.scan()
    since = time.time()
    machine.sh("systemctl kill --signal=KILL plex-burst-guard")
    wait(lambda: len(machine.windows(since)), 1, 30, "Plex was not frozen, or not let go")
    machine.settle()
    (window,) = machine.windows(since)
    assert (window["cause"], window["workers_ended"]) == ("no guard watched", 0)


@pytest.fixture(scope="module")
def cached() -> Iterator[Rig]:
    """A machine whose mount has a disk cache."""
    with rig(cached=True) as machine:
        machine.reset()
        yield machine


def wiped(machine: Rig, since: float) -> list[str]:
    events = machine.look(f"--since={since}")["events"]
    return [event["reason"] for event in events if event["event"] == "cache wiped"]


def test_a_cache_with_wrong_bytes_is_wiped_by_the_repair_that_finds_it(cached: Rig) -> None:
    before, since = cached.census(), time.time()
    spoil = f"find {CACHE}/vfs -type f -exec dd if=/dev/urandom of={{}} bs=4096 count=1 conv=notrunc status=none \\;"
    cached.sh(f"{spoil}; kill -KILL $(systemctl show -P MainPID plex-burst-mount)")
    wait(lambda: wiped(cached, since), ["files have other bytes than before"], 60, "the cache was not wiped")
    cached.settle()
    assert cached.reads()
    assert cached.census() == before


def test_a_full_disk_under_the_cache_costs_no_row(cached: Rig) -> None:
    cached.reset()
    cached.plex("PUT", "/:/prefs?autoEmptyTrash=1")
    before, since = cached.census(), time.time()
    cached.scan()
    # rclone gives its own files up first, so others take again and again what there is.
    fill = f"while :; do dd if=/dev/zero of={CACHE}/others$RANDOM bs=64k 2>/dev/null; sleep 0.1; done"
    cached.sh(f"mount -o remount,size=16M {CACHE}; systemd-run --collect --unit others bash -c {shlex.quote(fill)}")
    wait(lambda: "its disk is full" in wiped(cached, since), True, 90, "the cache was not wiped")
    assert cached.windows(since), "without room the mount cannot read, and Plex must not act on that"
    cached.sh(f"systemctl stop others; rm {CACHE}/others*; mount -o remount,size=20G {CACHE}")
    cached.settle()
    assert cached.reads()
    assert cached.census() == before
