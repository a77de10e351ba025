"""Each phase against the media server stand-in, without a rented machine: which fault ends how.

The real playbooks on this machine (inventories/local.yml), the container beside them. What a phase ends with is read
where the wrapper reads it: in the ledger.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.home_library import inject
from tests.faults.local_target import Target, prepared

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A claimed server whose music is scanned, with most of its tracks to be analysed. The tests share it in order."""
    with prepared(tmp_path_factory.mktemp("phases"), "phases", inject) as target:
        target.new_run()
        target.play("plex")
        target.play("scan")
        assert target.result("scan")["verdict"] == "done"
        yield target


def test_without_a_pass_the_analysis_is_refused_and_the_stage_goes_on(server: Target) -> None:
    server.new_run()
    server.fault("no_pass")
    server.play("sonic")
    server.fault("no_pass", on=False)
    assert server.result("sonic")["verdict"] == "refused"


def test_an_activity_that_never_moves_stalls_the_scan(server: Target) -> None:
    server.new_run()
    server.fault("stuck_activity")
    server.play("scan", expected=2, section="Movies", plex_scan_stall=8)
    server.fault("stuck_activity", on=False)
    assert server.result("scan")["verdict"] == "stalled"


def test_no_scan_begins_on_a_mount_that_the_guard_finds_sick(server: Target) -> None:
    guard = server.base / "guard"
    guard.mkdir()
    (guard / "events.jsonl").touch()
    samples = {path: path.read_bytes() for path in (server.base / "samples").glob("scan-*.jsonl")}
    for state, words in (("hung", "the mount hangs; Plex stands still"), ("given_up", "the guard gave up")):
        server.new_run()
        (guard / "status.json").write_text(json.dumps({"state": state, "frozen": True, "counts": {}}))
        printed = server.play("scan", expected=2, section="Movies", plex_scan_frozen=1)
        assert f"Movies was not scanned, because {words}" in " ".join(printed.split())
    shutil.rmtree(guard)
    begun = {path: path.read_bytes() for path in (server.base / "samples").glob("scan-*.jsonl")}
    assert begun == samples, "no scan was begun"


def test_files_that_nobody_looked_into_are_looked_into_after_the_scan(server: Target) -> None:
    """Once to the end, and once with a file that the server cannot read: it is left, and nobody waits for it."""
    unseen = "media_analysis_version = 0, duration = NULL WHERE library_section_id = 1"
    film = next((server.base / "mnt/library/Movies").rglob("*.mkv"))
    for broken, verdict in ((False, "done"), (True, "partial")):
        server.new_run()
        server.change(f"UPDATE media_items SET {unseen}")
        film.chmod(0 if broken else 0o644)
        printed = server.play("scan", section="Movies")
        film.chmod(0o644)
        entry = server.result("analyse")
        assert (entry["verdict"], entry["expected"], entry["left"]) == (verdict, 4, int(broken)), printed[-3000:]
    assert server.result("scan")["verdict"] == "done"


def test_a_token_that_is_revoked_ends_with_the_servers_words(server: Target) -> None:
    server.new_run()
    server.fault("token_revoked")
    printed = server.play("scan", expected=2, section="Movies")
    server.fault("token_revoked", on=False)
    assert "401 Unauthorized" in printed


def test_a_server_that_only_says_503_fails_the_scan_in_its_words(server: Target) -> None:
    server.new_run()
    with server.when_scanning(server.order("unavailable")):
        printed = server.play("scan", expected=2, section="Movies", burst_force_deep_scan=True, plex_scan_stall=10)
    server.fault("unavailable", on=False)
    scan = server.result("scan")
    assert (scan["verdict"], "HTTP 503" in scan["message"]) == ("failed", True), printed[-3000:]


def until_logged(server: Target, words: str, log: str) -> str:
    """A command for a shell on this machine that waits until a log of the server holds some words."""
    path = f"/config/Library/Application Support/Plex Media Server/Logs/{log}"
    return f"timeout 120 sh -c \"until docker exec {server.name} grep -q '{words}' '{path}'; do sleep 0.2; done\""


def test_a_scan_that_a_locked_database_ended_is_begun_again_and_a_full_disk_leaves_it_partial(server: Target) -> None:
    server.new_run()
    given_up = until_logged(server, "giving up", "Plex Media Scanner.log")
    then = f"{server.order('disk_full')} && {server.order('database_locked', on=False)}"
    server.fault("database_locked")
    with subprocess.Popen(["sh", "-c", f"{given_up} && {then}"]) as waiting:
        printed = server.play("scan", section="Movies", plex_scan_analyse=False)
        assert waiting.wait(timeout=60) == 0
    server.fault("disk_full", on=False)
    server.rest()
    scan = server.result("scan")
    assert (scan["verdict"], "database or disk is full" in scan["message"]) == ("partial", True), printed[-3000:]
    assert "Waited over 10 seconds for a busy database; giving up" in " ".join(printed.split()), printed[-3000:]


def test_a_scanner_killed_for_want_of_memory_is_made_good_and_a_deep_analysis_is_no_scan(server: Target) -> None:
    """The deep child, which someone starts in mid-scan, is still at work when the scan is called done."""
    server.new_run()
    kill = server.order("oom_kill", process="scanner")
    killed = until_logged(server, "exited with code -9", "Plex Media Server.log")
    quicker = server.order("scanner_slow", factor=20)
    deep = f"curl --silent --fail -X POST -H 'X-Plex-Token: {server.token}' 127.0.0.1:32400/butler/DeepMediaAnalysis"
    command = f'{kill} && {killed} && {quicker} && docker exec {server.name} sh -c "{deep}"'
    with server.when_scanning(command, factor=200):
        printed = server.play("scan", section="Movies", plex_scan_cpu_percent=95, plex_scan_analyse=False)
        server.ask("/butler/DeepMediaAnalysis", "DELETE")
    scan = server.result("scan")
    told = scan["message"]
    assert (scan["verdict"], "ended early: 1, the last with signal 9" in told) == ("done", True), printed[-3000:]
    last = json.loads((server.base / f"samples/scan-{scan['section']}.jsonl").read_text().splitlines()[-1])
    assert (last["processes"]["deep"], last["processes"]["scanner"]) == (1, 0)


def test_scanners_that_die_again_and_again_time_out_and_are_told(server: Target) -> None:
    server.new_run()
    server.fault("scanner_crash", after=2)
    printed = server.play("scan", expected=2, section="Movies", plex_scan_timeouts={"movie": 6})
    server.fault("scanner_crash", on=False)
    server.rest()
    scan = server.result("scan")
    assert (scan["verdict"], "with signal 11" in scan["message"]) == ("timed_out", True), printed[-3000:]


def test_a_server_that_crashes_again_and_again_fails_the_scan(server: Target) -> None:
    """On a machine so slow that it crashes before it is up, nobody sees it come back: then it does not answer."""
    server.new_run()
    with server.when_scanning(server.order("crash_loop", after=2), factor=200):
        # Nothing is quiet then: a look between two crashes must not be taken for the end of the scan.
        printed = server.play("scan", expected=2, section="Movies", plex_scan_cpu_percent=0.01)
    server.fault("crash_loop", on=False)
    server.rest()
    scan = server.result("scan")
    words = ("ended and came back 5 times", "the server does not answer")
    assert (scan["verdict"], any(said in scan["message"] for said in words)) == ("failed", True), printed[-3000:]


def test_a_killed_server_is_begun_again_and_a_broken_file_is_named(server: Target) -> None:
    """Also a file that stat() knows and nobody can read: the server passes it over, and it is named."""
    server.new_run()
    broken = next((server.base / "mnt/library/Music").rglob("*.mp3"))
    broken.chmod(0)
    server.when_analysing("pkill -KILL -f '[P]lex Music Analyzer'; pkill -KILL -f '[P]lex Media Server'")
    printed = server.play("sonic", expected=2)
    broken.chmod(0o644)
    sonic = server.result("sonic")
    assert (sonic["verdict"], sonic["left"]) == ("partial", 1)
    assert "begun again" in sonic["message"]
    pending = json.loads((server.base / "samples/pending-5.json").read_text())
    assert [(Path(entry["path"]).name, entry["reason"]) for entry in pending] == [
        (broken.name, "the file cannot be read")
    ]
    # Ansible folds long lines.
    told = " ".join(printed.split())
    assert f"{broken.name}: the file cannot be read" in told, [line for line in printed.splitlines() if "mp3" in line]


def test_a_frozen_analyser_is_begun_again_with_its_server_until_all_is_done(server: Target) -> None:
    server.new_run()
    server.forget_analysis(15)
    server.when_analysing("pkill -STOP -f '[P]lex Music Analyzer'")
    server.play("sonic")
    sonic = server.result("sonic")
    assert (sonic["verdict"], sonic["left"]) == ("done", 0)
    assert "begun again" in sonic["message"]
    server.new_run()
    server.play("sonic")
    assert server.result("sonic")["verdict"] == "already_complete"
