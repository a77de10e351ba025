"""python-plexapi's MyPlexAccount, unmodified, against the plex.tv stand-in; claim tokens as the image uses them."""

from __future__ import annotations

import json
import time
import urllib.request

import pytest
import requests
from plexapi.exceptions import BadRequest, NotFound, Unauthorized
from plexapi.myplex import MyPlexAccount

from lab.plexsim.plexsim.plex_tv import PlexTv, Standing
from lab.plextv.account import CLAIM_SECONDS, Account, Owner
from module_utils.plex_account import PLEX_TV, account, session_at
from tests.unit.plextv.serving import PlexTvProcess

MACHINE = "0123456789abcdef0123456789abcdef01234567"


def test_the_account_and_its_subscription(plex_tv: PlexTvProcess) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    assert (owner.username, owner.email, owner.authToken) == ("lab", "lab@example.com", plex_tv.token)
    assert (owner.subscriptionActive, owner.subscriptionStatus) == (True, "Active")
    assert {"pass", "music-analysis"} <= set(owner.subscriptionFeatures)
    plex_tv.faults.switch("account_no_pass", on=True)
    assert account(plex_tv.token, plex_tv.base).subscriptionActive is False


def test_an_unknown_token_and_an_account_in_trouble(plex_tv: PlexTvProcess) -> None:
    with pytest.raises(Unauthorized, match="could not be authenticated"):
        account("wrong", plex_tv.base)
    plex_tv.faults.switch("plex_tv_down", on=True)
    with pytest.raises(BadRequest, match="503"):
        account(plex_tv.token, plex_tv.base)
    plex_tv.faults.switch("plex_tv_down", on=False)
    plex_tv.faults.switch("account_token_revoked", on=True)
    with pytest.raises(Unauthorized):
        account(plex_tv.token, plex_tv.base)


def test_sign_in_with_a_password_and_out_again(plex_tv: PlexTvProcess) -> None:
    session = session_at(plex_tv.base)
    with pytest.raises(Unauthorized):
        MyPlexAccount("lab", "wrong", session=session)
    signed_in = MyPlexAccount("lab", "lab-password", session=session)
    token = signed_in.authToken
    assert account(token, plex_tv.base).username == "lab"
    signed_in.signout()
    with pytest.raises(Unauthorized):
        account(token, plex_tv.base)


def test_a_claim_token_works_once(plex_tv: PlexTvProcess) -> None:
    claim = account(plex_tv.token, plex_tv.base).claimToken()
    assert claim.startswith("claim-")
    server = PlexTv(plex_tv.base)
    signed_in = server.exchange(claim, MACHINE)
    assert signed_in is not None
    assert (signed_in.username, signed_in.delay) == ("lab", None)
    assert server.standing(signed_in.token) == Standing(valid=True, has_pass=True)
    assert server.exchange(claim, MACHINE) is None
    refused = requests.post(f"{plex_tv.base}/api/claim/exchange", params={"token": claim}, timeout=10)
    assert refused.status_code == 422


@pytest.mark.parametrize(("age", "good"), [(CLAIM_SECONDS - 1, True), (CLAIM_SECONDS, False)])
def test_a_claim_token_ends_after_four_minutes(plex_tv: PlexTvProcess, age: float, *, good: bool) -> None:
    claim = account(plex_tv.token, plex_tv.base).claimToken()
    plex_tv.clock[0] += age
    assert (PlexTv(plex_tv.base).exchange(claim, MACHINE) is not None) is good


def test_the_lab_can_advance_the_clock(plex_tv: PlexTvProcess) -> None:
    claim = account(plex_tv.token, plex_tv.base).claimToken()
    body = json.dumps({"advance": CLAIM_SECONDS}).encode()
    urllib.request.urlopen(f"{plex_tv.base}/_lab/clock", data=body, timeout=5).close()
    assert PlexTv(plex_tv.base).exchange(claim, MACHINE) is None


@pytest.mark.parametrize("fault", ["claim_refused", "claim_expired", "plex_tv_down"])
def test_a_claim_that_fails_is_silent(plex_tv: PlexTvProcess, fault: str) -> None:
    claim = account(plex_tv.token, plex_tv.base).claimToken()
    plex_tv.faults.switch(fault, on=True)
    assert PlexTv(plex_tv.base).exchange(claim, MACHINE) is None


def test_nobody_at_home_is_a_refused_claim_and_no_verdict(plex_tv: PlexTvProcess) -> None:
    nobody = PlexTv("http://127.0.0.1:9")
    assert (nobody.exchange("claim-standing", MACHINE), nobody.standing("token")) == (None, None)


def test_a_late_token_is_announced(plex_tv: PlexTvProcess) -> None:
    plex_tv.faults.switch("late_token", on=True, parameters={"seconds": 7})
    signed_in = PlexTv(plex_tv.base).exchange("claim-standing", MACHINE)
    assert signed_in is not None
    assert signed_in.delay == 7


def test_slow_answers_wait(plex_tv: PlexTvProcess) -> None:
    plex_tv.faults.switch("plex_tv_slow", on=True, parameters={"seconds": 0.2})
    started = time.monotonic()
    account(plex_tv.token, plex_tv.base)
    assert time.monotonic() - started >= 0.2


def test_devices_come_and_go_with_their_tokens(plex_tv: PlexTvProcess) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    server = PlexTv(plex_tv.base)
    first = server.exchange("claim-standing", MACHINE)
    second = server.exchange("claim-standing", "f" * 40)
    assert first is not None
    assert second is not None
    assert [device.clientIdentifier for device in owner.devices()] == [MACHINE, "f" * 40]
    ours = owner.device(clientId=MACHINE)
    assert (ours.product, ours.provides, ours.token) == ("Plex Media Server", "server", first.token)
    assert [resource.clientIdentifier for resource in owner.resources()] == [MACHINE, "f" * 40]
    ours.delete()
    assert [device.clientIdentifier for device in owner.devices()] == ["f" * 40]
    with pytest.raises(NotFound):
        ours.delete()
    assert server.standing(first.token) == Standing(valid=False, has_pass=False)
    assert server.standing(second.token) == Standing(valid=True, has_pass=True)


def test_claiming_again_replaces_the_device(plex_tv: PlexTvProcess) -> None:
    server = PlexTv(plex_tv.base)
    first, second = (server.exchange("claim-standing", MACHINE) for _ in range(2))
    assert first is not None
    assert second is not None
    assert len(account(plex_tv.token, plex_tv.base).devices()) == 1
    assert server.standing(first.token) == Standing(valid=False, has_pass=False)


def test_the_log_has_every_request_and_no_secret(plex_tv: PlexTvProcess) -> None:
    owner = account(plex_tv.token, plex_tv.base)
    claim = owner.claimToken()
    signed_in = PlexTv(plex_tv.base).exchange(claim, MACHINE)
    assert signed_in is not None
    text = plex_tv.log.read_text()
    logged = [json.loads(line) for line in text.splitlines()]
    assert [(entry["method"], entry["path"], entry["status"]) for entry in logged] == [
        ("GET", "/api/v2/user", "200"),
        ("GET", "/api/claim/token.json", "200"),
        ("POST", "/api/claim/exchange", "201"),
    ]
    assert not [secret for secret in (plex_tv.token, claim, signed_in.token) if secret in text]


def test_json_is_spoken_too(plex_tv: PlexTvProcess) -> None:
    headers = {"Accept": "application/json", "X-Plex-Token": plex_tv.token}
    user = requests.get(f"{plex_tv.base}/api/v2/user", headers=headers, timeout=5).json()
    assert (user["username"], user["subscription"]["active"]) == ("lab", True)
    refused = requests.get(f"{plex_tv.base}/api/v2/user", headers={"Accept": "application/json"}, timeout=5)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, 1001)


def test_a_restart_remembers(plex_tv: PlexTvProcess) -> None:
    claim = account(plex_tv.token, plex_tv.base).claimToken()
    assert PlexTv(plex_tv.base).exchange(claim, MACHINE)
    again = Account(Owner(), lambda: 0.0, plex_tv.api.account.path).load()
    assert again.state == plex_tv.api.account.state
    assert len(again.state.devices) == 1


def test_plex_tv_itself_needs_no_detour() -> None:
    assert session_at(PLEX_TV).adapters.keys() == requests.Session().adapters.keys()
