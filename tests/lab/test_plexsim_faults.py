"""Faults of the media server stand-in's processes, database and disk, switched on by name."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from lab.plexsim.plexsim import schema

from .plexsim_container import Container, docker, wait_for

TRACKS, KNOWN, ANALYSED = 71, 56, 14

pytestmark = pytest.mark.lab


def is_on(container: Container, name: str) -> bool:
    listed = docker("exec", container.name, "curl", "-sS", "http://127.0.0.1:32499/_lab/faults")
    return bool(json.loads(listed)["faults"][name]["on"])


def server_pid(container: Container) -> str:
    """The server's process, empty in the moment between a crash and the next start."""
    search = "pgrep -f '^/usr/lib/plexmediaserver/Plex Media Server'; true"
    return docker("exec", container.name, "sh", "-c", search)


def log(container: Container, name: str = "Plex Media Server.log") -> str:
    file = container.home / "Logs" / name
    return file.read_text() if file.exists() else ""


def test_server_faults(server: Container) -> None:
    server.switch("stall")
    wait_for(lambda: server.status() == 0)  # taken, never answered
    server.switch("stall", on=False)
    wait_for(lambda: server.status() == 200)

    first = server_pid(server)
    server.switch("crash")
    wait_for(lambda: server.status() == 200 and server_pid(server) not in ("", first))
    assert not is_on(server, "crash")
    second = server_pid(server)
    server.switch("oom_kill", process="server")
    wait_for(lambda: server.status() == 200 and server_pid(server) not in ("", second))

    starts = docker("logs", server.name).count("Starting Plex Media Server.")
    server.switch("crash_loop", after=0.2)
    wait_for(lambda: docker("logs", server.name).count("Starting Plex Media Server.") >= starts + 2)
    server.switch("crash_loop", on=False)
    wait_for(lambda: server.status() == 200)


def test_analyser_faults(server: Container) -> None:
    analyser = "/usr/lib/plexmediaserver/Plex Music Analyzer"
    for fault in ("analyser_stall", "analyser_spin"):
        server.switch(fault)
    server.plex().runButlerTask("MusicAnalysis")
    wait_for(lambda: server.tracks()[1] == ANALYSED + 1)
    server.switch("analyser_spin", on=False)
    assert server.runs(analyser)
    assert server.tracks()[1] == ANALYSED + 1

    server.switch("analyser_crash", after=3)
    server.switch("analyser_stall", on=False)
    wait_for(lambda: "exited with code -11" in log(server))
    server.switch("analyser_stall")
    server.switch("analyser_crash", on=False)
    server.switch("oom_kill", process="analyser")
    wait_for(lambda: "exited with code -9" in log(server))
    assert int(str(server.tracks()[1])) < KNOWN
    server.switch("analyser_stall", on=False)
    server.rest()
    assert server.tracks() == (KNOWN, KNOWN, 0)


def test_scanner_faults(server: Container) -> None:
    server.switch("scanner_crash", after=3)
    server.plex().library.section("Music").refresh()
    wait_for(lambda: "exited with code -11" in log(server))
    server.switch("scanner_stall")
    server.switch("scanner_crash", on=False)
    wait_for(lambda: server.runs("Plex Media Scanner --scan"))
    server.switch("scanner_stall", on=False)
    server.rest()
    assert server.tracks() == (TRACKS, ANALYSED, 0)


def test_database_faults(server: Container) -> None:
    plex = server.plex()
    server.switch("database_locked")

    def locked() -> bool:
        with closing(sqlite3.connect(server.databases / schema.LIBRARY, timeout=0)) as outsider:
            try:
                outsider.execute("UPDATE media_parts SET updated_at = updated_at")
            except sqlite3.OperationalError as error:
                return "locked" in str(error)
            finally:
                outsider.rollback()
        return False

    wait_for(locked)
    assert server.tracks()[0] == KNOWN  # reading goes on
    server.switch("database_locked", on=False)
    wait_for(lambda: not locked())

    server.switch("disk_full")
    plex.library.section("Music").update()
    wait_for(lambda: "database or disk is full" in log(server, "Plex Media Scanner.log"))
    server.rest()
    assert server.tracks() == (KNOWN, ANALYSED, 0)
    server.switch("disk_full", on=False)

    server.switch("database_corrupt", table="media_parts")
    wait_for(lambda: not is_on(server, "database_corrupt"))
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        server.query("SELECT count(file) FROM media_parts WHERE size > 0")
    assert server.tracks()[0] == KNOWN  # what lies elsewhere can be read
    docker("exec", server.name, "/plex_service.sh", "-r")
    wait_for(lambda: docker("logs", server.name).count("Starting Plex Media Server.") >= 3)
    assert server.status() != 200
