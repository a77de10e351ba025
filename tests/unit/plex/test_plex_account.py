"""The module against the plex.tv stand-in: pass, claim codes, and only our own server taken out of the account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plexapi.exceptions import BadRequest

from plugins.modules import plex_account
from tests.unit.plex.conftest import RunModule
from tests.unit.plextv.serving import PlexTvProcess, serve


@pytest.fixture
def plex_tv(tmp_path: Path) -> Iterator[PlexTvProcess]:
    with serve(tmp_path) as running:
        yield running


def test_the_pass_of_the_account(plex_tv: PlexTvProcess, run_module: RunModule) -> None:
    assert run_module(plex_account, token=plex_tv.token, base_url=plex_tv.base)["plex_pass"] is True
    plex_tv.faults.switch("account_no_pass", on=True)
    assert run_module(plex_account, token=plex_tv.token, base_url=plex_tv.base)["plex_pass"] is False


def test_each_claim_code_is_fresh(plex_tv: PlexTvProcess, run_module: RunModule) -> None:
    codes = {
        run_module(plex_account, token=plex_tv.token, base_url=plex_tv.base, state="claim")["claim"] for _ in range(2)
    }
    assert len(codes) == 2
    assert all(code.startswith("claim-") for code in codes)


def test_only_the_server_of_this_identity_leaves_the_account(plex_tv: PlexTvProcess, run_module: RunModule) -> None:
    for identity in ("a" * 40, "a" * 39, "b" * 40):
        plex_tv.api.account.register(
            client_identifier=identity, name="plex-burst", product="", version="", platform="", provides="server"
        )
    arguments = {"token": plex_tv.token, "base_url": plex_tv.base, "state": "absent", "machine_identifier": "a" * 40}
    assert run_module(plex_account, check_mode=True, **arguments)["changed"] is True
    assert run_module(plex_account, **arguments)["changed"] is True
    left = [device.client_identifier for device in plex_tv.api.account.state.devices]
    assert left == ["a" * 39, "b" * 40]
    assert run_module(plex_account, **arguments)["changed"] is False


@pytest.mark.parametrize(
    ("fault", "words"), [("account_token_revoked", "the token is not valid"), ("plex_tv_down", "try again later")]
)
def test_a_refusal_is_one_sentence_without_the_token(
    plex_tv: PlexTvProcess, run_module: RunModule, fault: str, words: str
) -> None:
    plex_tv.faults.switch(fault, on=True)
    result = run_module(plex_account, token=plex_tv.token, base_url=plex_tv.base, state="claim")
    assert result["failed"]
    assert words in result["msg"]
    assert plex_tv.token not in result["msg"]


def test_an_address_that_holds_the_digits_of_401_is_no_invalid_token() -> None:
    down = BadRequest("(503) service_unavailable http://127.0.0.1:44015/api/claim/token.json; down")
    assert "try again later" in plex_account.words(down)
    assert "the token is not valid" in plex_account.words(BadRequest("(401) unauthorized http://127.0.0.1/; no"))
