from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from module_utils.plex_server import (
    PlexServer,
    PlexServerError,
    Reply,
    activity,
    preferences_path,
    read_token,
    section,
    true,
)
from tests.unit.plex.conftest import TOKEN, FakePlex, write_token

MIGRATING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Response code="503" title="Maintenance" '
    'status="Plex Media Server is currently running database migrations."/>'
)
UNAUTHORIZED = "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(503, MIGRATING), "HTTP 503 (Plex Media Server is currently running database migrations.)"),
        (Reply(401, UNAUTHORIZED), "HTTP 401 (401 Unauthorized)"),
        (Reply(400, "  plain\n words "), "HTTP 400 (plain words)"),
        (Reply(200, ""), "HTTP 200"),
        (Reply(0, "[Errno 111] Connection refused"), "no answer ([Errno 111] Connection refused)"),
    ],
)
def test_an_answer_in_words(reply: Reply, words: str) -> None:
    assert reply.words == words


def test_a_long_answer_is_cut() -> None:
    assert len(Reply(500, "x" * 10_000).words) < 500


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (f'<Preferences A="1" PlexOnlineToken="{TOKEN}" B="2"/>', TOKEN),
        ('<Preferences PlexOnlineToken="a&amp;b"/>', "a&b"),
        ('<Preferences XPlexOnlineToken="no"/>', ""),
        ("<Preferences/>", ""),
        ('<Preferences PlexOnlineToken="cut', ""),
        ("", ""),
    ],
)
def test_the_token_is_read_from_the_servers_own_file(tmp_path: Path, text: str, token: str) -> None:
    path = preferences_path(str(tmp_path))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert read_token(str(tmp_path)) == token


def test_no_file_is_no_token(tmp_path: Path) -> None:
    assert read_token(str(tmp_path)) == ""


def test_the_token_travels_as_a_header_only(plex: FakePlex, config: Path) -> None:
    plex.container("GET", "/library/sections", Directory=[])
    assert PlexServer.local(plex.url, str(config)).sections() == []
    assert plex.asked == [("GET", "/library/sections", {}, TOKEN)]


def test_an_unclaimed_server_gets_no_token_header(plex: FakePlex, tmp_path: Path) -> None:
    plex.container("GET", "/activities")
    assert PlexServer.local(plex.url, str(tmp_path)).activities() == []
    assert plex.asked[0][3] == "absent"


def test_a_new_token_is_seen_by_the_next_client(plex: FakePlex, tmp_path: Path) -> None:
    plex.container("GET", "/activities")
    PlexServer.local(plex.url, str(tmp_path)).activities()
    write_token(tmp_path, TOKEN)
    PlexServer.local(plex.url, str(tmp_path)).activities()
    assert [token for *_, token in plex.asked] == ["absent", TOKEN]


def test_query_values_are_quoted(plex: FakePlex) -> None:
    plex.answer("PUT", "/x", "")
    PlexServer(plex.url, "").request("PUT", "/x", {"a": "ü & ?=/ +", "b": ""})
    assert plex.asked[0][2] == {"a": "ü & ?=/ +", "b": ""}


def test_nobody_there_is_a_reply_not_a_crash() -> None:
    reply = PlexServer("http://127.0.0.1:9", "", timeout=1).request("GET", "/identity")
    assert (reply.status, reply.ok) == (0, False)
    assert reply.words.startswith("no answer (")


@pytest.mark.parametrize("body", ["<xml/>", "", "[1]", "null"])
def test_what_is_no_json_object_is_an_error_in_words(plex: FakePlex, body: str) -> None:
    plex.answer("GET", "/activities", body)
    with pytest.raises(PlexServerError, match="media server sent"):
        PlexServer(plex.url, "").activities()


def test_an_error_status_is_told_with_the_servers_words(plex: FakePlex) -> None:
    plex.answer("GET", "/library/sections", MIGRATING, 503)
    with pytest.raises(PlexServerError, match=r"GET /library/sections: HTTP 503 \(Plex Media Server is"):
        PlexServer(plex.url, "").sections()


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(True, True), ("1", True), (1, True), ("true", True), (False, False), ("0", False), (0, False), (None, False)],
)
def test_booleans_come_in_several_spellings(value: t.Any, meaning: bool) -> None:
    assert true(value) is meaning


# As a 1.43 server answers, in JSON; older ones send numbers as text.
RECORDED = json.loads(
    """{"allowSync": true, "filters": true, "refreshing": false, "key": "5", "type": "artist", "title": "Müsik",
    "agent": "tv.plex.agents.music", "scanner": "Plex Music", "language": "en-US", "scannedAt": 1777585301,
    "contentChangedAt": 74, "hidden": 0, "Location": [{"id": 1, "path": "/media/library/Music"}]}"""
)


def test_a_section_in_our_words() -> None:
    assert section(RECORDED) == {
        "key": 5,
        "title": "Müsik",
        "type": "artist",
        "refreshing": False,
        "scanned_at": 1777585301,
        "locations": ["/media/library/Music"],
    }
    assert section({"key": "7", "refreshing": "1", "scannedAt": "12"})["scanned_at"] == 12


@pytest.mark.parametrize(
    ("context", "number"),
    [({"librarySectionID": "5"}, 5), ([{"librarySectionID": 5}], 5), ({}, None), (None, None), ([], None)],
)
def test_an_activity_knows_its_section_or_not_yet(context: t.Any, number: int | None) -> None:
    entry = {"type": "library.update.section", "title": "Scanning", "progress": "-1", "Context": context}
    assert activity(entry)["section"] == number
    assert activity(entry)["progress"] == -1
