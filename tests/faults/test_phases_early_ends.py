"""Phases that end before they are done, with the word that the run gets: before, while and after they work.

The server of test_phases.py, after it: no test here needs more of it than that it is ready.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.local_target import Target, docker

pytestmark = pytest.mark.lab

SICK = {"state": "hung", "frozen": True, "counts": {}}
HEALTHY = {"state": "healthy", "frozen": False, "counts": {}}


@contextmanager
def guarded(server: Target, status: dict[str, object]) -> Iterator[None]:
    """A guard that says so."""
    guard = server.base / "guard"
    guard.mkdir()
    (guard / "events.jsonl").touch()
    (guard / "status.json").write_text(json.dumps(status))
    try:
        yield
    finally:
        shutil.rmtree(guard)


def test_a_server_that_says_nothing_is_not_waited_for_longer_than_was_meant(server: Target) -> None:
    """Each reading takes its own ten seconds then, so a number of readings would be ten times the patience."""
    server.new_run()
    with server.standing_still():
        subprocess.run(["sh", "-c", server.signal("STOP")], check=True, timeout=60)
        began = time.monotonic()
        printed = server.play("plex", expected=2, plex_docker_init_timeout=20)
        took = time.monotonic() - began
    told = " ".join(printed.split())
    assert "Plex did not come up: The server gives no answer" in told, printed[-3000:]
    assert took < 100


def test_a_scan_beyond_the_time_that_is_paid_for_is_capped(server: Target) -> None:
    server.new_run()
    server.play("scan", expected=2, section="Movies", plex_scan_ended_at=1)
    server.rest()
    scan = server.result("scan")
    assert (scan["verdict"], "paid for is used up" in scan["message"]) == ("capped", True)


def test_a_mount_that_the_guard_gives_up_in_mid_scan_is_lost(server: Target) -> None:
    server.new_run()
    given_up = server.base / "guard/given_up.json"
    lost = f"echo '{json.dumps({'reason': 'the bucket is gone'})}' >{given_up} && docker pause {server.name}"
    with guarded(server, HEALTHY), server.when_scanning(lost):
        printed = server.play("scan", expected=2, section="Movies", plex_scan_checkpoint_interval=0)
        docker("unpause", server.name)
    server.rest()
    scan = server.result("scan")
    assert (scan["verdict"], "the bucket is gone" in scan["message"]) == ("mount_lost", True), printed[-3000:]


def test_a_server_that_does_not_come_to_rest_gives_the_analysis_its_word(server: Target) -> None:
    """What was scanned comes home then: a phase that ended early is no failure of the run."""
    server.new_run()
    server.forget_analysis(5)
    server.fault("stuck_activity")
    server.play("sonic", expected=2, plex_sonic_stabilise_timeout=4)
    server.fault("stuck_activity", on=False)
    server.rest()
    sonic = server.result("sonic")
    assert (sonic["verdict"], "did not become quiet" in sonic["message"]) == ("timed_out", True), sonic


def test_a_metadata_refresh_waits_for_the_mount_as_a_scan_does_and_then_the_analysis_follows(server: Target) -> None:
    quick = {"plex_sonic_force_refresh": True, "plex_sonic_refresh_poll": 1}
    server.new_run()
    server.forget_analysis(5)
    with guarded(server, SICK):
        printed = server.play("sonic", expected=2, plex_sonic_frozen=1, **quick)
    assert "Music was not scanned, because the mount hangs" in " ".join(printed.split()), printed[-3000:]
    assert "playbooks/sonic.yml" in printed
    assert not (server.base / "samples/refresh-5.jsonl").exists(), "no refresh was begun"
    server.new_run()
    printed = server.play("sonic", plex_docker_cpus=2.5, **quick)
    refreshed = (server.base / "samples/refresh-5.jsonl").read_text().splitlines()
    assert json.loads(refreshed[0])["phase"] == "refresh"
    assert (server.result("sonic")["verdict"], server.result("sonic")["left"]) == ("done", 0), printed[-3000:]
    settings = {entry["id"]: entry["value"] for entry in server.ask("/:/prefs")["MediaContainer"]["Setting"]}
    assert settings["LongRunningJobThreads"] == 2, "as many as the server has whole processors"
