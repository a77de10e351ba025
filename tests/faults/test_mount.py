"""The mount as a container sees it: remounted it is never empty, nothing can be written, faults cost no row."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator

import pytest

from lab.control import rclone
from soak.mount_look import DATABASE
from soak.mount_rig import CACHE, GUARD, TARGET, Rig, rig, wait

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
# Says what the library knows of its files, or has it know what comes by standard input.
TIMES = """
import json, sqlite3, sys
library = sqlite3.connect(sys.argv[1], timeout=30)
if sys.argv[2:]:
    rows = [(at, file) for file, at in json.load(sys.stdin).items()]
    library.executemany("UPDATE media_parts SET updated_at = ? WHERE file = ?", rows)
    library.commit()
print(json.dumps(dict(library.execute("SELECT file, updated_at FROM media_parts"))))
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


def test_a_generation_that_could_not_be_listed_is_not_shown_to_plex(machine: Rig) -> None:
    machine.reset()
    # To rclone a directory that it has not listed is empty when S3 knows no such bucket, and stays so.
    folders = f"find {TARGET} -mindepth 1 -type d -not -empty | sort"
    before = machine.sh(folders)
    refused = "grep -c 'error listing' /srv/plex-burst/log/rclone.log"
    so_far = machine.sh(refused)
    machine.fault("s3_status", True, status=403)
    machine.sh("kill -KILL $(systemctl show -P MainPID plex-burst-mount)")
    wait(lambda: machine.sh(refused) != so_far, True, 60, "nobody tried to list the next generation")
    machine.heal()
    wait(lambda: machine.status()["frozen"], False, 60, "Plex was not let go")
    machine.fault("s3_status", True, status=404)
    after = machine.sh(folders)
    machine.heal()
    assert after == before
    machine.settle()


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


def test_times_that_s3_did_not_tell_are_asked_for_by_another_generation(machine: Rig) -> None:
    machine.reset()
    note = "/run/plex-burst-mount/times.json"
    listed = "from plex_burst_guard import listing; print(listing.wait_for('/run/plex-burst-mount/rclone.sock', 60))"
    here = "cd /opt/plex-burst && python3"
    machine.sh("systemctl stop plex-burst-guard; systemctl restart plex-burst-mount")
    assert machine.sh(f'{here} -c "{listed}"', timeout=90) == "True"
    machine.fault("s3_status", True, status=403)
    machine.sh(f"{here} -m plex_burst_guard.mount_times {TARGET} {note}")
    machine.heal()
    told = json.loads(machine.sh(f"cat {note}"))
    assert (told["files"], told["failed"]) == (0, 0), "rclone shows the time of the question, without an error"
    assert told["undated"] > 0
    machine.configure({}, "mount_known")
    again = json.loads(machine.sh(f"cat {note}"))
    assert (again["files"], again["undated"]) == (told["undated"], 0)


def test_a_generation_shows_no_times_but_the_files_own(machine: Rig) -> None:
    machine.reset()
    since = time.time()
    times = in_plex("find /media/library -type f -printf '%T@ %P\\n'") + " | sort"
    before = machine.sh(times)
    # A refused HEAD is no error to rclone: it shows the time of the question, for as long as it lives.
    machine.fault("s3_status", True, status=403, method="HEAD")
    machine.sh("kill -KILL $(systemctl show -P MainPID plex-burst-mount)")

    def missing() -> list[int]:
        return [event["missing"] for event in machine.look(f"--since={since}")["events"] if event["event"] == "times"]

    wait(lambda: len(missing()) > 1, True, 60, "no generation asked for the times again")
    assert machine.status()["frozen"]
    machine.heal()
    machine.settle()
    assert machine.sh(times) == before
    assert missing()[-1] == 0


def test_a_file_that_is_gone_from_the_bucket_is_left_out_and_the_mount_stays(machine: Rig) -> None:
    machine.reset()
    known = machine.sh(f"ls {GUARD}/files-*.json")
    there = json.loads(machine.sh(f"cat {known}"))[0]
    since, names = time.time(), json.dumps(["Movies/gone since the listing.mkv", there])
    machine.sh(f"cp {known} {known}.kept; echo {shlex.quote(names)} > {known}; systemctl restart plex-burst-guard")

    def events(kind: str) -> list[str]:
        return [event.get("file", "") for event in machine.look(f"--since={since}")["events"] if event["event"] == kind]

    try:
        # rclone's own client is content with a name that is not there; it only prints nothing.
        wait(lambda: events("left out"), ["Movies/gone since the listing.mkv"], 90, "it was not left out")
        assert not events("frozen")
        assert not events("repair")
    finally:
        machine.sh(f"mv {known}.kept {known}; systemctl restart plex-burst-guard")
        machine.settle()


def read_times(machine: Rig) -> dict[str, int]:
    """What the library knows of each file: its modification time, by its path in the container."""
    shown = machine.sh(f"python3 -c {shlex.quote(TIMES)} {shlex.quote(str(DATABASE))}")
    return {str(file): int(seconds) for file, seconds in json.loads(shown).items()}


def write_times(machine: Rig, times: dict[str, int]) -> None:
    words = shlex.quote(json.dumps(times))
    machine.sh(f"echo {words} | python3 -c {shlex.quote(TIMES)} {shlex.quote(str(DATABASE))} write")


def test_a_library_that_knows_the_times_of_the_upload_is_shown_those(machine: Rig) -> None:
    machine.reset()
    known = read_times(machine)
    uploaded = {f"/media/library/{path}": at for path, at in rclone.upload_times("plex-media").items()}
    times = {file: at for file, at in uploaded.items() if file in known}
    assert times.keys() == known.keys()
    assert times != known, "the uploader's times are those of the upload; nothing could be told apart"
    write_times(machine, times)
    before = machine.census()
    try:
        machine.configure({}, "mount_known")
        assert machine.sh("cat /etc/plex-burst/modtime") == "server"
        machine.scan()
        machine.settle()
        assert read_times(machine) == times, "Plex found other times than the library had, and analyses all of it again"
        assert machine.census() == before
    finally:
        write_times(machine, known)
        machine.sh("rm -f /etc/plex-burst/modtime")
        machine.configure({}, "mount_and_guard")


@pytest.fixture(scope="module")
def cached(machine: Rig) -> Iterator[Rig]:
    """The machine with a disk cache."""
    with machine.cached():
        yield machine


def wiped(machine: Rig, since: float) -> list[str]:
    events = machine.look(f"--since={since}")["events"]
    return [event["reason"] for event in events if event["event"] == "cache wiped"]


def test_a_cache_with_wrong_bytes_is_wiped_by_the_repair_that_finds_it(cached: Rig) -> None:
    cached.sh(in_plex("find /media/library -type f -exec head --bytes=4096 {} +") + " >/dev/null")
    # What rclone has not noted when it is killed it fetches again.
    unnoted = f"grep -rL '\"Pos\"' {CACHE}/vfsMeta | wc -l"
    wait(lambda: cached.sh(unnoted), "0", 60, "rclone did not note what it has")
    before, since = cached.census(), time.time()
    spoil = f"find {CACHE}/vfs -type f -exec dd if=/dev/urandom of={{}} bs=4096 count=1 conv=notrunc status=none \\;"
    cached.sh(f"{spoil}; kill -KILL $(systemctl show -P MainPID plex-burst-mount)")
    wait(lambda: wiped(cached, since), ["files have other bytes than before"], 60, "the cache was not wiped")
    cached.settle()
    assert cached.reads()
    assert cached.census() == before


@pytest.mark.parametrize("empty_trash", [0, 1])
def test_a_full_disk_under_the_cache_costs_no_row(cached: Rig, empty_trash: int) -> None:
    cached.reset()
    cached.plex("PUT", f"/:/prefs?autoEmptyTrash={empty_trash}")
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
    if cached.census() != before:
        # What a scan in the sick window marked comes back with the next one, which a run does by itself; rows that were
        # deleted would not.
        cached.scan()
        cached.settle()
    assert cached.census() == before
