"""Claims, the account behind the server, and the faults of both, as python-plexapi sees them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from plexapi.exceptions import BadRequest, NotFound, Unauthorized

from lab.plextv.account import CLAIM_SECONDS
from module_utils.plex_account import account
from tests.lab.plexsim_process import MUSIC, TRACKS, PlexProcess, on, running, wait_for
from tests.unit.plextv.serving import PlexTvProcess, serve

pytestmark = pytest.mark.lab
PASS_ONLY = {
    "GenerateIntroMarkerBehavior",
    "GenerateCreditsMarkerBehavior",
    "GenerateAdMarkerBehavior",
    "GenerateVADBehavior",
    "MusicAnalysisBehavior",
}
# the server looks at its account every 0.1 s
WATCHFUL = {"PLEXSIM_ACCOUNT_SECONDS": "10"}


@pytest.fixture(scope="module")
def plex_tv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlexTvProcess]:
    with serve(tmp_path_factory.mktemp("plextv")) as process:
        yield process


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, plex_tv: PlexTvProcess) -> Iterator[PlexProcess]:
    """One server for what is over when its fault is switched off."""
    for server in running(PlexProcess(tmp_path_factory.mktemp("plex"), plex_tv.base, more=WATCHFUL)):
        server.client().library.update()
        server.rest()
        yield server


@pytest.fixture
def started(tmp_path: Path, plex_tv: PlexTvProcess) -> Iterator[Callable[..., PlexProcess]]:
    """Start a server of its own without a library, with a claim token."""
    servers: list[PlexProcess] = []

    def start(claim: str) -> PlexProcess:
        server = PlexProcess(tmp_path / str(len(servers)), plex_tv.base, claim)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


def test_a_claim_token_signs_the_server_in_as_a_device(
    started: Callable[..., PlexProcess], plex_tv: PlexTvProcess
) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    server = started(owner.claimToken())
    wait_for(lambda: server.token)
    device = owner.device(clientId=server.client().machineIdentifier)
    assert device.token == server.token
    assert server.client().account().signInState == "ok"
    device.delete()


@pytest.mark.parametrize("trouble", ["too old", "used", "claim_refused", "claim_expired", "plex_tv_down"])
def test_a_claim_that_fails_says_nothing(
    started: Callable[..., PlexProcess],
    plex_tv: PlexTvProcess,
    capsys: pytest.CaptureFixture[str],
    trouble: str,
) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    claim = owner.claimToken()
    if trouble == "too old":
        plex_tv.clock[0] += CLAIM_SECONDS
        server = started(claim)
    elif trouble == "used":
        started(claim)
        capsys.readouterr()
        server = started(claim)
    else:
        with on(plex_tv.faults, trouble):
            server = started(claim)
    printed = capsys.readouterr().out
    assert "Plex Media Server first run setup complete" in printed
    assert "Token obtained" not in printed
    assert server.token == ""
    # Nobody is signed in: this machine may ask, nobody may scan music.
    plex = server.client("")
    assert (plex.myPlexSigninState, plex.myPlexSubscription) == ("none", False)
    assert plex.account().subscriptionState == "Unknown"


def test_a_server_is_claimed_and_given_up_over_its_api(
    started: Callable[..., PlexProcess], plex_tv: PlexTvProcess
) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    server = started("claim-of-nobody")
    plex = server.client("")
    with on(plex_tv.faults, "claim_refused"), pytest.raises(Unauthorized):
        plex.claim(owner)
    assert plex.claim(owner).signInState == "ok"
    with pytest.raises(Unauthorized):
        server.client("")
    signed_in = server.client()
    assert signed_in.myPlexUsername == "lab"
    signed_in.unclaim()
    assert (server.token, server.client("").myPlexSigninState) == ("", "none")


def test_a_token_may_come_late(started: Callable[..., PlexProcess], plex_tv: PlexTvProcess) -> None:
    with on(plex_tv.faults, "late_token", seconds=5):
        server = started("claim-standing")
    assert server.token == ""
    assert server.client("").myPlexSigninState == "none"
    wait_for(lambda: server.token)
    assert server.client().myPlexSigninState == "ok"


def test_a_removed_device_is_refused_by_its_own_server(
    started: Callable[..., PlexProcess], plex_tv: PlexTvProcess, tmp_path: Path
) -> None:
    server = PlexProcess(tmp_path / "watchful", plex_tv.base, more=WATCHFUL)
    try:
        server.start()
        wait_for(lambda: server.token)
        with on(plex_tv.faults, "plex_tv_down"):
            time.sleep(0.3)
            assert server.status("/library/sections", server.token) == 200
        account(plex_tv.token, plex_tv.base).device(clientId=server.client().machineIdentifier).delete()
        wait_for(lambda: server.status("/library/sections", server.token) == 401)
    finally:
        server.stop()


def test_without_a_pass_five_settings_are_missing(shared: PlexProcess, plex_tv: PlexTvProcess) -> None:
    def settings() -> set[str]:
        return {setting.id for setting in shared.client().settings.all()}

    everything = settings()
    with on(shared.faults, "no_pass"):
        plex = shared.client()
        assert everything - settings() == PASS_ONLY
        assert (plex.myPlexSubscription, plex.account().subscriptionActive) == (False, False)
        assert plex.ownerFeatures == []
        with pytest.raises(NotFound):
            plex.settings.get("MusicAnalysisBehavior")
        assert shared.status("/:/prefs?MusicAnalysisBehavior=never", shared.token, "PUT") == 400
        plex.runButlerTask("MusicAnalysis")
        shared.rest()
        assert not any(track.hasSonicAnalysis for track in plex.library.section("Music").searchTracks())
    assert settings() == everything
    with on(plex_tv.faults, "account_no_pass"):
        wait_for(lambda: not shared.client().myPlexSubscription)
        assert everything - settings() == PASS_ONLY
    wait_for(lambda: shared.client().myPlexSubscription)


def test_a_revoked_token(shared: PlexProcess) -> None:
    plex = shared.client()
    with on(shared.faults, "token_revoked"):
        with pytest.raises(Unauthorized, match="401 Unauthorized"):
            plex.library.sections()
        assert shared.status("/identity") == 200
    assert len(plex.library.sections()) == 2


def test_maintenance(shared: PlexProcess) -> None:
    plex = shared.client()
    with on(shared.faults, "unavailable"):
        with pytest.raises(BadRequest, match="503"):
            plex.library.sections()
        status, headers, body = shared.ask("/identity")
        assert (status, headers["Content-Type"]) == (503, "text/xml;charset=utf-8")
        said = ET.fromstring(body)
        assert (said.tag, said.get("code"), said.get("title")) == ("Response", "503", "Maintenance")
        assert said.get("status") == "Plex Media Server is currently running database migrations."
    assert shared.status("/identity") == 200


def test_slow_answers(shared: PlexProcess) -> None:
    with on(shared.faults, "slow_answers", seconds=0.5):
        begun = time.monotonic()
        assert shared.status("/identity") == 200
        assert time.monotonic() - begun >= 0.5


def test_a_wrong_clock(shared: PlexProcess) -> None:
    plex = shared.client()
    with on(shared.faults, "clock_skew", seconds=7200):
        moment = parsedate_to_datetime(shared.ask("/identity")[1]["Date"]).timestamp()
        assert moment - time.time() == pytest.approx(7200, abs=10)
        plex.library.section("Music").refresh()
        shared.rest()
        section = ET.fromstring(shared.ask("/library/sections", shared.token)[2]).find("Directory[@title='Music']")
        assert section is not None
        assert int(section.get("scannedAt", "")) - time.time() == pytest.approx(7200, abs=60)


def test_an_activity_that_is_stuck(shared: PlexProcess) -> None:
    plex = shared.client()
    with on(shared.faults, "stuck_activity", progress=13):
        readings = [[(activity.uuid, activity.progress) for activity in plex.activities] for _ in range(2)]
        assert readings[0] == readings[1]
        assert [progress for _, progress in readings[0]] == [13]
    assert plex.activities == []


def test_an_activity_that_never_ends_though_its_work_does(shared: PlexProcess) -> None:
    plex = shared.client()
    with on(shared.faults, "endless_activity"):
        plex.runButlerTask("MusicAnalysis")
        music = plex.library.section("Music")
        wait_for(lambda: sum(track.hasSonicAnalysis for track in music.searchTracks()) == TRACKS)
        # A second start is no 202: the task is over, only what is shown of it stays.
        wait_for(lambda: shared.status("/butler/MusicAnalysis", shared.token, "POST") == 200)
        assert {activity.title for activity in plex.activities} == {"MusicAnalysis"}
    wait_for(lambda: plex.activities == [])
    assert shared.status(f"/library/sections/{MUSIC}/all", shared.token) == 200
