"""python-plexapi, unmodified, as the judge of the media server stand-in: one server for all, no Docker."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from plexapi.exceptions import BadRequest, NotFound, Unauthorized
from plexapi.server import PlexServer

from tests.lab.plexsim_process import ALBUMS, MUSIC, TRACKS, PlexProcess, on, running, wait_for
from tests.unit.plextv.serving import serve

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlexProcess]:
    with serve(tmp_path_factory.mktemp("plextv")) as plex_tv:
        yield from running(PlexProcess(tmp_path_factory.mktemp("plex"), plex_tv.base))


@pytest.fixture(scope="module")
def scanned(server: PlexProcess) -> PlexProcess:
    server.client().library.update()
    server.rest()
    return server


@pytest.fixture
def plex(scanned: PlexProcess) -> PlexServer:
    return scanned.client()


@contextmanager
def changed_a_second_later(folders: Iterable[Path]) -> Iterator[None]:
    """A scan takes a folder for unchanged that has the time it had at the last one, in whole seconds."""
    later = {folder: folder.stat().st_mtime + 1 for folder in folders}
    yield
    for folder, moment in later.items():
        os.utime(folder, (moment, moment))


def test_the_server_presents_itself(plex: PlexServer) -> None:
    assert plex.version.startswith("1.43.")
    assert (plex.myPlex, plex.myPlexSigninState, plex.myPlexMappingState) == (True, "ok", "mapped")
    assert (plex.myPlexSubscription, plex.myPlexUsername) == (True, "lab")
    assert {"music-analysis", "pass"} <= set(plex.ownerFeatures)
    assert {"logs", "databases"} <= set(plex.diagnostics)
    identity = plex.identity()
    assert (identity.machineIdentifier, identity.claimed) == (plex.machineIdentifier, True)
    assert len(plex.machineIdentifier) == 40
    account = plex.account()
    assert (account.signInState, account.subscriptionActive, account.subscriptionState) == ("ok", True, "Active")
    assert (plex.sessions(), plex.clients(), plex.currentBackgroundProcess()) == ([], [], [])


def test_sections_and_items(plex: PlexServer) -> None:
    assert [(section.key, section.type, section.title) for section in plex.library.sections()] == [
        (1, "movie", "Movies"),
        (5, "artist", "Music"),
    ]
    music = plex.library.section("Music")
    assert plex.library.sectionByID(MUSIC).uuid == music.uuid
    assert (music.agent, music.scanner, music.refreshing) == ("tv.plex.agents.music", "Plex Music", False)
    assert {kind: music.totalViewSize(kind) for kind in ("artist", "album", "track")} == {
        "artist": 2,
        "album": 2,
        "track": TRACKS,
    }
    assert sorted(album.title for album in music.albums()) == ["Arrival", "Début"]
    tracks = music.searchTracks()
    assert len(tracks) == TRACKS
    assert [track.hasSonicAnalysis for track in tracks] == [False] * TRACKS
    track = music.searchTracks(title="Human")[0]
    assert (track.parentTitle, track.grandparentTitle, track.index) == ("Début", "Björk", 1)
    assert track.media[0].parts[0].file.endswith("Björk/Début/1-01 Human.flac")
    assert plex.fetchItem(track.ratingKey).title == "Human"
    assert [found.title for found in music.searchTracks(sort="titleSort:desc", maxresults=2)] == ["Venus", "My Love"]
    assert [found.title for found in music.search(libtype="track", filters={"track.title": "anc"})] == ["Dancing"]
    assert [found.title for found in track.artist().album("Début").tracks()] == ["Human", "Crying", "Venus"]
    with pytest.raises(NotFound):
        plex.fetchItem(999_999)
    with pytest.raises(NotFound):
        plex.library.section("Nothing")


def test_lists_come_in_pages(plex: PlexServer, scanned: PlexProcess) -> None:
    music = plex.library.section("Music")
    pages = music.search(libtype="track", container_size=2)
    assert [track.title for track in pages] == [track.title for track in music.searchTracks()]
    path = f"/library/sections/{MUSIC}/all?type=10&X-Plex-Container-Start=1&X-Plex-Container-Size=2"
    status, headers, body = scanned.ask(path, scanned.token)
    root = ET.fromstring(body)
    assert (status, root.get("size"), root.get("totalSize"), root.get("offset")) == (200, "2", str(TRACKS), "1")
    assert (headers["X-Plex-Container-Start"], headers["X-Plex-Container-Total-Size"]) == ("1", str(TRACKS))
    counted = f"/library/sections/{MUSIC}/all?type=10&X-Plex-Container-Start=0&X-Plex-Container-Size=0"
    root = ET.fromstring(scanned.ask(counted, scanned.token)[2])
    assert (root.get("size"), root.get("totalSize"), len(root)) == ("0", str(TRACKS), 0)


def test_the_same_in_json(scanned: PlexProcess) -> None:
    def read(path: str) -> Any:
        status, headers, body = scanned.ask(path, scanned.token, accept="application/json")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        return json.loads(body)["MediaContainer"]

    identity = read("/identity")
    assert identity == {
        "size": 0,
        "apiVersion": "1.2.3",
        "claimed": True,
        "machineIdentifier": identity["machineIdentifier"],
        "version": identity["version"],
    }
    sections = read("/library/sections")
    assert (sections["size"], [one["key"] for one in sections["Directory"]]) == (2, ["1", "5"])
    assert sections["Directory"][1]["refreshing"] is False
    assert sections["Directory"][1]["Location"][0]["path"] == str(scanned.music)
    tracks = read(f"/library/sections/{MUSIC}/all?type=10")
    assert (tracks["totalSize"], len(tracks["Metadata"])) == (TRACKS, TRACKS)
    assert {item["type"] for item in tracks["Metadata"]} == {"track"}


@pytest.mark.parametrize("accept", ["application/json", ""])
def test_without_the_token_nobody_is_told_anything(scanned: PlexProcess, accept: str) -> None:
    for token in ("", "wrong"):
        status, headers, body = scanned.ask("/library/sections", token, accept=accept)
        assert (status, headers["Content-Type"]) == (401, "text/html")
        page = b"<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>"
        assert body == page
    assert scanned.status("/identity") == 200
    with pytest.raises(Unauthorized):
        scanned.client("wrong")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing/here", 404),
        ("GET", "/library/sections/77", 404),
        ("GET", "/library/sections/77/refresh", 404),
        ("GET", "/library/metadata/999999", 404),
        ("POST", "/butler/NothingLikeThat", 404),
        ("DELETE", "/activities/00000000-0000-4000-8000-000000000000", 404),
        ("PUT", "/:/prefs?GenerateChapterBehavior=never", 400),
        ("PUT", "/:/prefs?logDebug=0&ButlerTaskSonicAnalysis=1", 400),
        ("PUT", "/:/prefs?autoEmptyTrash=perhaps", 400),
        ("GET", "/:/prefs/get?id=GenerateChapterBehavior", 404),
        ("POST", "/library/sections?name=Nothing&type=artist", 400),
        ("POST", "/library/sections?name=Nothing&type=comic&location=/tmp", 400),
        ("PUT", f"/library/sections/{MUSIC}?agent=x&prefs[nothing]=1", 400),
    ],
)
def test_refusals(scanned: PlexProcess, method: str, path: str, status: int) -> None:
    assert scanned.status(path, scanned.token, method) == status


def test_settings_are_read_and_saved(plex: PlexServer, scanned: PlexProcess) -> None:
    settings = plex.settings
    assert len(settings.all()) == 158
    assert settings.get("autoEmptyTrash").value is True
    with pytest.raises(BadRequest, match="No setting"):
        settings.save()
    with pytest.raises(BadRequest, match="not in"):
        settings.get("MusicAnalysisBehavior").set("sometimes")
    settings.get("autoEmptyTrash").set(False)
    settings.get("MusicAnalysisBehavior").set("never")
    settings.get("FriendlyName").set("über & <unter>")
    settings.save()
    again = scanned.client().settings
    assert again.get("autoEmptyTrash").value is False
    assert again.get("MusicAnalysisBehavior").value == "never"
    assert (again.get("FriendlyName").value, scanned.client().friendlyName) == ("über & <unter>",) * 2
    written = ET.parse(scanned.home / "Preferences.xml").getroot().attrib
    assert (written["autoEmptyTrash"], written["MusicAnalysisBehavior"]) == ("0", "never")
    settings.get("autoEmptyTrash").set(True)
    settings.get("MusicAnalysisBehavior").set("scheduled")
    settings.save()


def test_a_library_has_settings_of_its_own(plex: PlexServer) -> None:
    music = plex.library.section("Music")
    given = {setting.id: setting.value for setting in music.settings()}
    assert (given["hidden"], given["musicAnalysis"]) == (0, True)
    music.editAdvanced(musicAnalysis=0, hidden=1)
    changed = {setting.id: setting.value for setting in music.settings()}
    assert (changed["musicAnalysis"], changed["hidden"]) == (False, 1)
    music.defaultAdvanced()
    assert {setting.id: setting.value for setting in music.settings()}["hidden"] == 0
    with pytest.raises(NotFound):
        music.editAdvanced(nothing=1)


def test_a_library_comes_and_goes(plex: PlexServer, scanned: PlexProcess) -> None:
    assert plex.isBrowsable(str(scanned.music))
    assert not plex.isBrowsable(str(scanned.music / "nothing"))
    assert [found.title for found in plex.browse(str(scanned.music / "Björk" / "Début"))] == ALBUMS["Björk/Début"]
    with pytest.raises(BadRequest, match="does not exist"):
        plex.library.add("Tunes", "artist", "tv.plex.agents.music", "Plex Music", str(scanned.music / "nothing"))
    location = str(shutil.copytree(scanned.music, scanned.music.parent / "More"))
    plex.library.add("Tunes", "artist", "tv.plex.agents.music", "Plex Music", location, respectTags=1)
    scanned.rest()
    tunes = scanned.client().library.section("Tunes")
    assert (tunes.totalViewSize("track"), tunes.locations) == (TRACKS, [location])
    assert {setting.id: setting.value for setting in tunes.settings()}["respectTags"] is True
    tunes.addLocations(str(scanned.music.parent / "Movies"))
    assert len(scanned.client().library.section("Tunes").locations) == 2
    kept = scanned.rows(f"SELECT id FROM section_locations WHERE root_path = '{location}'")[0]["id"]
    assert scanned.rows(f"SELECT 1 FROM media_items WHERE section_location_id = {kept}")
    tunes.edit(name="Songs")
    scanned.client().library.section("Songs").delete()
    assert "Songs" not in {section.title for section in scanned.client().library.sections()}


def test_a_file_is_looked_for_only_when_that_is_asked(plex: PlexServer, scanned: PlexProcess) -> None:
    track = plex.library.section("Music").searchTracks(title="Human")[0]

    def said() -> tuple[bool | None, bool | None]:
        part = track.reload(checkFiles=True).media[0].parts[0]
        return part.exists, part.accessible

    shown = ET.fromstring(scanned.ask(f"/library/metadata/{track.ratingKey}", scanned.token)[2])
    assert not {"exists", "accessible"} & set(next(shown.iter("Part")).attrib)
    assert said() == (True, True)
    file, aside = Path(track.media[0].parts[0].file), scanned.directory / "aside"
    file.rename(aside)
    assert said() == (False, False)
    aside.rename(file)
    assert said() == (True, True)


def test_scans_report_themselves(plex: PlexServer, scanned: PlexProcess) -> None:
    music = plex.library.section("Music")
    # As long as the faults are on, the scan goes on for certain, and what was shown of it stays.
    with on(scanned.faults, "endless_activity"):
        with on(scanned.faults, "scanner_stall"):
            music.refresh()
            wait_for(lambda: [activity.type for activity in plex.activities] == ["library.update.section"])
            assert [section.refreshing for section in scanned.client().library.sections()] == [False, True]
        scanned.rest()
        shown = [activity.type for activity in plex.activities]
    assert shown == ["library.update.section", *["library.update.item.metadata"] * len(ALBUMS)]
    music.refresh()
    music.cancelUpdate()
    plex.library.cancelUpdate()
    scanned.rest()
    plex.library.refresh()
    scanned.rest()
    with on(scanned.faults, "endless_activity"):
        music.analyze()
        scanned.rest()
        assert plex.activities[-1].title == "Refreshing"
    music.emptyTrash()
    plex.library.emptyTrash()
    plex.library.optimize()
    plex.library.cleanBundles()
    assert {activity.title for activity in plex.activities} <= {"OptimizeDatabase", "CleanOldBundles"}
    scanned.rest()
    assert music.totalViewSize("track") == TRACKS


def test_a_folder_is_scanned_alone(plex: PlexServer, scanned: PlexProcess) -> None:
    music = plex.library.section("Music")
    added = [scanned.music / album / "1-09 Extra.mp3" for album in ALBUMS]
    albums = [file.parent for file in added]
    with changed_a_second_later(albums):
        for file in added:
            file.write_bytes(b"more sound")
    music.update(path=str(added[0].parent.parent) + "/")
    scanned.rest()
    assert music.totalViewSize("track") == TRACKS + 1
    with changed_a_second_later(albums):
        for file in added:
            file.unlink()
    music.update(path=str(added[0].parent))
    scanned.rest()
    assert music.totalViewSize("track") == TRACKS
    log = (scanned.home / "Logs" / "Plex Media Server.log").read_text()
    assert f"--scan --refresh --section {MUSIC} --directory {added[0].parent} --activity" in log


def test_butler_tasks(plex: PlexServer, scanned: PlexProcess) -> None:
    tasks = {task.name: task for task in plex.butlerTasks()}
    assert {"MusicAnalysis", "DeepMediaAnalysis", "BackupDatabase", "RefreshLibraries"} <= set(tasks)
    assert tasks["MusicAnalysis"].enabled is True
    with pytest.raises(BadRequest, match="Invalid butler task"):
        plex.runButlerTask("SonicAnalysis")
    # As long as the fault is on, the task is at work for certain.
    scanned.faults.switch("analyser_stall", on=True)
    try:
        plex.runButlerTask("MusicAnalysis")
        with pytest.raises(BadRequest, match=r"\(202\) accepted"):
            plex.runButlerTask("MusicAnalysis")
        wait_for(lambda: plex.activities)
        (activity,) = plex.activities
        assert (activity.type, activity.title) == ("butler", "MusicAnalysis")
        assert scanned.status(f"/activities/{activity.uuid}", scanned.token, "DELETE") == 400
        assert scanned.status("/butler/MusicAnalysis", scanned.token, "DELETE") == 200
        wait_for(lambda: not plex.activities)
    finally:
        scanned.faults.switch("analyser_stall", on=False)
    assert not all(track.hasSonicAnalysis for track in plex.library.section("Music").searchTracks())
    plex.runButlerTask("MusicAnalysis")
    scanned.rest()
    assert all(track.hasSonicAnalysis for track in plex.library.section("Music").searchTracks())
    history = scanned.rows("SELECT * FROM activities WHERE title = 'MusicAnalysis' ORDER BY id DESC LIMIT 2")
    assert [(row["type"], row["cancelled"]) for row in history] == [("butler", 0), ("butler", 1)]
    assert all(0 < row["started_at"] <= row["finished_at"] for row in history)


def test_downloads(plex: PlexServer, tmp_path: Path) -> None:
    packed = Path(plex.downloadDatabases(savepath=str(tmp_path)))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(tmp_path)
    with closing(sqlite3.connect(tmp_path / "com.plexapp.plugins.library.db")) as library:
        counted = library.execute(
            "SELECT count(*) FROM metadata_items WHERE metadata_type = 10 AND library_section_id = ?", (MUSIC,)
        )
        assert counted.fetchone() == (TRACKS,)
    assert (tmp_path / "com.plexapp.plugins.library.blobs.db").exists()
    logs = Path(plex.downloadLogs(savepath=str(tmp_path)))
    with zipfile.ZipFile(logs) as archive:
        assert "Plex Media Server.log" in archive.namelist()


def test_listeners_are_told_what_happens(plex: PlexServer, scanned: PlexProcess) -> None:
    told: list[dict[str, Any]] = []
    listener = plex.startAlertListener(told.append)
    deaf = PlexServer(scanned.url, scanned.token)
    deaf._token = "wrong"
    errors: list[object] = []
    refused = deaf.startAlertListener(told.append, errors.append)
    try:
        wait_for(lambda: errors)
        assert "401" in str(errors[0])
        wait_for(lambda: listener._ws.sock is not None and listener._ws.sock.connected)
        plex.library.section("Music").refresh()
        # The last that is told of a forced refresh of two artists.
        wait_for(lambda: sum(one["type"] == "timeline" for one in told) == len(ALBUMS))
    finally:
        listener.stop()
        refused.join(20)
    notes = [one["ActivityNotification"][0] for one in told if one["type"] == "activity"]
    scans = [note for note in notes if note["Activity"]["type"] == "library.update.section"]
    assert [note["event"] for note in scans][:1] + [note["event"] for note in scans][-1:] == ["started", "ended"]
    assert {note["uuid"] for note in scans} == {scans[0]["Activity"]["uuid"]}
    entries = [one["TimelineEntry"][0] for one in told if one["type"] == "timeline"]
    assert {(entry["sectionID"], entry["type"], entry["state"]) for entry in entries} == {("5", 8, 5)}
    assert {entry["title"] for entry in entries} == {"Abba", "Björk"}
    status = next(one["StatusNotification"][0] for one in told if one["type"] == "status")
    assert (status["title"], status["notificationName"]) == ("Library scan complete", "LIBRARY_UPDATE")


def test_the_log_has_every_request_and_no_token(plex: PlexServer, scanned: PlexProcess) -> None:
    assert scanned.status(f"/library/sections?X-Plex-Token={scanned.token}") == 200
    assert scanned.status("/library/sections?X-Plex-Token=nobody") == 401
    logs = {path.name: path.read_text() for path in scanned.home.glob("Logs/*.log")}
    lines = logs["Plex Media Server.log"].splitlines()
    answers = [line.rpartition(" Completed: ")[2].split() for line in lines if "/library/sections " in line]
    assert [answer[1:4] for answer in answers[-2:]] == [
        ["200", "GET", "/library/sections"],
        ["401", "GET", "/library/sections"],
    ]
    assert not [name for name, text in logs.items() if scanned.token in text]


def test_what_is_gone_is_lost_with_automatic_trash(scanned: PlexProcess) -> None:
    plex = scanned.client()
    shutil.rmtree(scanned.music / "Abba" / "Arrival")
    plex.library.section("Music").refresh()
    scanned.rest()
    assert plex.library.section("Music").totalViewSize("track") == TRACKS - 2
