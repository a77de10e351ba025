"""python-plexapi, unmodified, against the media server stand-in in its own container."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest
from plexapi.exceptions import BadRequest, Unauthorized
from plexapi.server import PlexServer

from lab.plexsim.plexsim import schema

from .plexsim_container import Container, Start, docker, wait_for

TRACKS, KNOWN, ANALYSED = 71, 56, 14

pytestmark = pytest.mark.lab


def test_start_up_answers_maintenance_then_serves_and_signs_in_late(start: Start) -> None:
    container = start("-e", "PLEXSIM_MIGRATION_SECONDS=2", "-e", "PLEXSIM_TOKEN_DELAY=5")
    wait_for(lambda: container.status() == 503)
    wait_for(lambda: container.status() == 200)
    assert container.token() == ""
    assert container.status("/library/sections") == 401
    wait_for(container.token)
    assert container.status("/library/sections", container.token()) == 200
    log = docker("logs", container.name)
    assert "Token obtained successfully" in log
    assert "Plex Media Server first run setup complete" in log


def test_refused_claim_is_silent_and_music_cannot_be_scanned(start: Start) -> None:
    container = start(claim="claim-expired-yesterday")
    wait_for(lambda: container.status() == 200)
    assert container.token() == ""
    assert "Token obtained" not in docker("logs", container.name)
    inside = ("exec", container.name, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}")
    assert docker(*inside, "http://127.0.0.1:32400/library/sections") == "200"
    assert docker(*inside, "http://127.0.0.1:32400/library/sections/5/refresh") == "503"
    assert docker(*inside, "http://127.0.0.1:32400/library/sections/1/refresh") == "200"


def test_plexapi_reads_the_library(server: Container) -> None:
    with pytest.raises(Unauthorized):
        PlexServer(server.url, "wrong")
    plex = server.plex()
    assert plex.version.startswith("1.43.3")
    assert plex.identity().machineIdentifier == plex.machineIdentifier
    assert (plex.account().signInState, plex.account().subscriptionActive) == ("ok", True)
    music = plex.library.section("Music")
    assert [(s.key, s.type, s.title) for s in plex.library.sections()] == [
        (1, "movie", "Movies"),
        (5, "artist", "Music"),
    ]
    assert music.locations == ["/media/library/Music"]
    assert music.totalViewSize("track") == KNOWN
    tracks = music.searchTracks()
    assert sum(track.hasSonicAnalysis for track in tracks) == ANALYSED
    assert {track.title for track in tracks} >= {'"Quoted" Title', "雨の日", "100% Rain", "Don't Look Back"}
    assert len(plex.library.section("Movies").all()) == 4
    assert plex.sessions() == []
    assert plex.isBrowsable("/media/library")


def test_plexapi_changes_settings(server: Container) -> None:
    plex = server.plex()
    settings = plex.settings
    assert settings.get("autoEmptyTrash").value is True
    assert settings.get("MusicAnalysisBehavior").value == "scheduled"
    settings.get("autoEmptyTrash").set(False)
    settings.get("ButlerStartHour").set(4)
    settings.save()
    again = server.plex().settings
    assert (again.get("autoEmptyTrash").value, again.get("ButlerStartHour").value) == (False, 4)
    assert server.status("/:/prefs?GenerateChapterBehavior=never", server.token(), "PUT") == 400
    docker("restart", server.name)
    wait_for(lambda: server.status() == 200)
    assert server.plex().settings.get("autoEmptyTrash").value is False


def test_scan_analysis_and_the_tail_in_between(server: Container) -> None:
    plex = server.plex()
    music = plex.library.section("Music")
    for fault in ("scanner_stall", "analyser_stall", "metadata_stall"):  # what is at work stays so until it was seen
        server.switch(fault)
    music.update()
    wait_for(lambda: server.runs("Plex Media Scanner --scan --refresh --section 5 --activity"))
    assert [activity.type for activity in plex.activities] == ["library.update.section"]
    server.switch("scanner_stall", on=False)
    wait_for(lambda: not server.refreshing())
    wait_for(lambda: [activity.type for activity in plex.activities] == ["library.update.item.metadata"])
    server.switch("metadata_stall", on=False)
    server.rest()
    assert server.tracks() == (TRACKS, ANALYSED, 0)

    plex.runButlerTask("MusicAnalysis")
    with pytest.raises(BadRequest, match="202"):
        plex.runButlerTask("MusicAnalysis")
    wait_for(lambda: server.runs("/usr/lib/plexmediaserver/Plex Music Analyzer"))
    assert all(not p.startswith("root") for p in server.processes() if "plexmediaserver/Plex" in p)
    server.switch("analyser_stall", on=False)
    server.rest()
    assert server.tracks() == (TRACKS, TRACKS, 0)
    vectors = "SELECT count(*) FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = 7"
    assert server.query(vectors, schema.BLOBS) == [(TRACKS,)]
    assert server.query("SELECT count(*) FROM metadata_items WHERE library_section_id = 1") == [(4,)]


def test_deep_analysis_and_item_analysis_do_not_move_the_sonic_counter(server: Container) -> None:
    plex = server.plex()
    server.switch("scanner_stall")
    plex.runButlerTask("DeepMediaAnalysis")
    wait_for(lambda: server.runs("Plex Media Scanner --analyze-deeply"))
    server.switch("scanner_stall", on=False)
    music = plex.library.section("Music")
    music.analyze()
    for item in (music.searchTracks()[0], music.albums()[0], music.searchArtists()[0]):
        item.analyze()
    server.rest()
    assert server.tracks() == (KNOWN, ANALYSED, 0)


@pytest.mark.parametrize(
    ("options", "behaviour"), [(("-e", "PLEXSIM_PASS=0"), None), ((), "never")], ids=["no pass", "never"]
)
def test_music_analysis_needs_pass_and_preference(
    start: Start, options: tuple[str, ...], behaviour: str | None
) -> None:
    container = start(*options)
    wait_for(lambda: container.token() and container.status() == 200)
    plex = container.plex()
    if behaviour:
        plex.settings.get("MusicAnalysisBehavior").set(behaviour)
        plex.settings.save()
    else:
        assert "MusicAnalysisBehavior" not in {setting.id for setting in plex.settings.all()}
    plex.runButlerTask("MusicAnalysis")
    container.rest()
    assert container.tracks() == (KNOWN, ANALYSED, 0)


def test_auto_empty_trash_really_loses_items(server: Container) -> None:
    shutil.rmtree(server.media / "Music" / "Les Élèves")
    plex = server.plex()
    music = plex.library.section("Music")
    music.update()
    server.rest()
    assert server.tracks()[0] == TRACKS - 4


def test_without_it_the_trash_keeps_them(server: Container) -> None:
    plex = server.plex()
    plex.settings.get("autoEmptyTrash").set(False)
    plex.settings.save()
    shutil.rmtree(server.media / "Music" / "Les Élèves")
    plex.library.section("Music").update()
    server.rest()
    assert server.tracks()[0] == TRACKS
    assert server.tracks()[2] == 4


def test_killed_scanner_is_started_again(server: Container) -> None:
    server.switch("scanner_stall")
    server.plex().library.section("Music").refresh()
    wait_for(lambda: server.runs("Plex Media Scanner"))
    docker("exec", server.name, "pkill", "-9", "-f", "Plex Media Scanner")
    server.switch("scanner_stall", on=False)
    server.rest()
    assert server.tracks() == (TRACKS, ANALYSED, 0)


def test_stop_leaves_clean_databases_and_outsiders_stay_outside(server: Container) -> None:
    with closing(sqlite3.connect(server.databases / schema.LIBRARY)) as stock:
        with pytest.raises(sqlite3.OperationalError, match="icu_root"):
            stock.execute("INSERT INTO metadata_items (title) VALUES ('x')")
        assert stock.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    docker("exec", server.name, "/plex_service.sh", "-d")
    assert not server.runs("Plex Media Server")
    assert sorted(path.name for path in server.databases.iterdir()) == sorted([schema.LIBRARY, schema.BLOBS])
    docker("exec", server.name, "/plex_service.sh", "-u")
    wait_for(lambda: server.status() == 200)
    docker("stop", server.name)
    assert "Stopping Plex Media Server." in docker("logs", server.name)


def test_a_slow_stop_is_killed_after_five_seconds(start: Start) -> None:
    container = start("-e", "PLEXSIM_STOP_SECONDS=60")
    wait_for(lambda: container.token() and container.status() == 200)
    begun = time.monotonic()
    docker("stop", "--time", "30", container.name)
    assert 5 <= time.monotonic() - begun < 25
    names = {path.name for path in container.databases.iterdir()}
    assert f"{schema.LIBRARY}-wal" in names


@pytest.mark.parametrize(
    ("damage", "words"),
    [("overwritten", "database disk image is malformed"), ("newer", "the database is newer than this server")],
)
def test_unusable_database_ends_in_a_crash_loop(start: Start, damage: str, words: str) -> None:
    container = start("-e", "PLEXSIM_START_SECONDS=0")
    wait_for(lambda: container.status() == 200)
    docker("exec", container.name, "/plex_service.sh", "-d")
    library = container.databases / schema.LIBRARY
    if damage == "newer":
        with closing(sqlite3.connect(library)) as database:
            database.execute("INSERT INTO schema_migrations (version) VALUES ('203001010000')")
            database.commit()
    else:
        content = library.read_bytes()
        library.write_bytes(content[:20480] + b"\x55" * (len(content) - 20480))
    docker("exec", container.name, "/plex_service.sh", "-u")

    def errors() -> list[str]:
        logged = subprocess.run(["docker", "logs", container.name], capture_output=True, text=True, check=True)
        return [line for line in logged.stderr.splitlines() if words in line]

    wait_for(lambda: len(errors()) >= 2)
    assert container.status() != 200


def test_fresh_server_makes_its_own_library(start: Start) -> None:
    container = start(fill=lambda _databases: None)
    wait_for(lambda: container.token() and container.status() == 200)
    plex = container.plex()
    assert plex.library.sections() == []
    plex.library.add("Tunes", "artist", "tv.plex.agents.music", "Plex Music", "/media/library/Music")
    container.rest()
    assert plex.library.section("Tunes").totalViewSize("track") == TRACKS
