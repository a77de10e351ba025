"""What the media server stand-in begins by itself as its preferences say, and that our role's quieting ends it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.plexsim_process import ALBUMS, TRACKS, PlexProcess, running, wait_for
from tests.unit.plextv.serving import serve

pytestmark = pytest.mark.lab
ROOT = Path(__file__).parents[2]
# The butler has no setting for these, so nothing switches them off.
ALWAYS = {"AutomaticUpdates", "GarbageCollectLibraryMedia", "GenerateBlurHashes"}
QUIET = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Turn background work off
      ansible.builtin.include_role:
        name: plex_scan
        tasks_from: quiet
"""
Started = Callable[..., PlexProcess]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start a filled server whose data lie where the role looks for them."""
    servers: list[Iterator[PlexProcess]] = []
    (tmp_path / "plextv").mkdir()
    with serve(tmp_path / "plextv") as plex_tv:

        def start(**more: str) -> PlexProcess:
            support = tmp_path / "config" / "Library" / "Application Support"
            places = {"PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR": str(support)}
            knobs = {f"PLEXSIM_{name}": value for name, value in more.items()}
            servers.append(running(PlexProcess(tmp_path, plex_tv.base, more=places | knobs)))
            return next(servers[-1])

        yield start
        for server in servers:
            next(server, None)


def quiet(server: PlexProcess) -> None:
    """Do what the stage scan does before it scans."""
    playbook = server.directory / "quiet.yml"
    playbook.write_text(QUIET)
    given = {
        "ansible_python_interpreter": sys.executable,
        "plex_scan_url": server.url,
        "plex_scan_base_dir": str(server.directory),
    }
    done = subprocess.run(
        ["ansible-playbook", "-i", "localhost,", str(playbook), "-e", json.dumps(given)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def log(server: PlexProcess) -> str:
    return (server.home / "Logs" / "Plex Media Server.log").read_text()


def due(server: PlexProcess) -> list[str]:
    """What the butler found due at each of his looks."""
    return re.findall(r"Butler: (\S+) is due", log(server))


def at_work(server: PlexProcess) -> str:
    return server.ask("/_lab/jobs")[2].decode()


def test_in_his_hours_the_butler_works_until_he_is_quieted(started: Started) -> None:
    server = started(BUTLER_HOUR="15")
    server.client().library.update()
    server.rest()
    assert due(server) == []
    server.faults.switch("scanner_stall", on=True)  # a task that reads media does not end while it is looked at
    settings = server.client().settings
    settings.get("ButlerEndHour").set(16)
    settings.get("ButlerStartHour").set(15)
    settings.save()
    wait_for(lambda: "butler DeepMediaAnalysis" in at_work(server))
    assert {"BackupDatabase", "ButlerTaskGenerateCreditsMarkers", "CleanOldBundles"} <= set(due(server))
    # Without other preferences a task that was stopped begins again, beside a scan that has to share with it.
    looks = len(due(server))
    assert due(server)[-1] == "DeepMediaAnalysis"
    assert server.status("/butler", server.token, "DELETE") == 200
    wait_for(lambda: "DeepMediaAnalysis" in due(server)[looks:])
    server.client().library.update()
    wait_for(lambda: "butler DeepMediaAnalysis" in at_work(server) and "scan 5" in at_work(server))
    assert {activity.type for activity in server.client().activities} == {"butler", "library.update.section"}
    quiet(server)
    wait_for(lambda: "DeepMediaAnalysis" not in at_work(server))
    server.faults.switch("scanner_stall", on=False)
    looks = len(due(server))
    wait_for(lambda: due(server)[looks:].count("nothing") >= 3)
    server.rest()
    assert set(due(server)[looks:]) <= {"nothing", *ALWAYS}
    assert not any(track.hasSonicAnalysis for track in server.client().library.section("Music").searchTracks())


def test_outside_his_hours_he_does_nothing(started: Started) -> None:
    server = started(TIME_FACTOR="1000")
    settings = server.client().settings
    settings.get("ScheduledLibraryUpdatesEnabled").set(True)
    settings.get("ScheduledLibraryUpdateInterval").set(900)
    settings.save()
    wait_for(lambda: server.rows("SELECT 1 FROM statistics_bandwidth WHERE account_id = 1 AND bytes > 100"))
    # Of the scans at an interval one can see that the schedule is kept at all.
    wait_for(lambda: server.client().library.section("Music").totalViewSize("track") == TRACKS)
    assert due(server) == []
    settings.get("ButlerEndHour").set(13)
    settings.get("ButlerStartHour").set(12)
    settings.save()
    wait_for(lambda: due(server))


def test_added_media_is_analysed_at_once_where_the_settings_say_so(started: Started) -> None:
    server = started()
    settings = server.client().settings
    for name in ("LoudnessAnalysisBehavior", "MusicAnalysisBehavior"):
        assert settings.get(name).value == "scheduled"
        settings.get(name).set("asap")
    settings.save()

    def analysed() -> int:
        return sum(track.hasSonicAnalysis for track in server.client().library.section("Music").searchTracks())

    server.client().library.update()
    server.rest()
    assert analysed() == TRACKS
    assert log(server).count('Starting job \'"/usr/lib/plexmediaserver/Plex Media Scanner" --analyze-loudness') == 1
    # The credits of films are looked for at once unless the settings say otherwise.
    history = {row["type"] for row in server.rows("SELECT type FROM activities")}
    assert "media.generate.credits" in history
    quiet(server)
    for album in ALBUMS:
        (server.music / album / "1-09 Extra.mp3").write_bytes(b"more sound")
    server.client().library.update()
    server.rest()
    music = server.client().library.section("Music")
    assert (music.totalViewSize("track"), analysed()) == (TRACKS + len(ALBUMS), TRACKS)
    assert log(server).count('Starting job \'"/usr/lib/plexmediaserver/Plex Media Scanner" --analyze-loudness') == 1
