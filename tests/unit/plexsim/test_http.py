"""Rendering and admission, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lab.plexsim.plexsim.core import Core
from lab.plexsim.plexsim.handler import Router
from lab.plexsim.plexsim.logs import Log
from lab.plexsim.plexsim.preferences import Preferences
from lab.plexsim.plexsim.render import Answer, Element, refusal
from lab.plexsim.plexsim.request import parse
from lab.plexsim.plexsim.settings import Settings

TREE = Element(
    "MediaContainer",
    {"size": 1, "claimed": True, "absent": None},
    [Element("Activity", {"progress": -1}, [Element("Context", {"librarySectionID": "5"}, single=True)])],
)


def test_xml_writes_truth_as_digits() -> None:
    body, kind = Answer(element=TREE).encode(as_json=False)
    assert kind == "text/xml;charset=utf-8"
    root = ET.fromstring(body)
    assert dict(root.attrib) == {"size": "1", "claimed": "1"}
    context = root.find("Activity/Context")
    assert context is not None
    assert context.get("librarySectionID") == "5"


def test_json_keeps_types_and_lists() -> None:
    body, kind = Answer(element=TREE).encode(as_json=True)
    assert kind == "application/json"
    activity = {"progress": -1, "Context": {"librarySectionID": "5"}}
    assert json.loads(body) == {"MediaContainer": {"size": 1, "claimed": True, "Activity": [activity]}}


def test_unauthorized_is_html_even_as_json() -> None:
    body, kind = refusal(401, "Unauthorized").encode(as_json=True)
    assert kind == "text/html"
    assert b"<h1>401 Unauthorized</h1>" in body


@pytest.mark.parametrize(
    ("client", "server_token", "sent", "networks", "allowed"),
    [
        ("127.0.0.1", "", "", "", True),
        ("127.0.0.1", "secret", "", "", False),
        ("127.0.0.1", "secret", "secret", "", True),
        ("172.17.0.1", "", "", "", False),
        ("172.17.0.1", "", "", "172.16.0.0/12", True),
        ("172.17.0.1", "", "", "0.0.0.0/0", False),
        ("172.17.0.1", "secret", "wrong", "", False),
        ("172.17.0.1", "secret", "secret", "", True),
        ("172.17.0.1", "secret", "", "10.0.0.0/8,172.17.0.0/16", True),
    ],
)
def test_who_may_ask(
    tmp_path: Path, client: str, server_token: str, sent: str, networks: str, *, allowed: bool
) -> None:
    preferences = Preferences(tmp_path / "Preferences.xml")
    preferences.write({"PlexOnlineToken": server_token, "allowedNetworks": networks})
    core = Core(Settings(tmp_path), preferences, Log(tmp_path / "log"))
    for request in (
        parse("GET", "/library/sections", {"X-Plex-Token": sent}, client),
        parse("GET", f"/library/sections?X-Plex-Token={sent}", {}, client),
    ):
        assert request.allowed(core) is allowed


@pytest.mark.parametrize(
    ("headers", "query", "window"),
    [
        ({}, "", (0, None)),
        ({"X-Plex-Container-Start": "20", "X-Plex-Container-Size": "0"}, "", (20, 0)),
        ({}, "?X-Plex-Container-Start=5&X-Plex-Container-Size=10", (5, 10)),
    ],
)
def test_paging(headers: dict[str, str], query: str, window: tuple[int, int | None]) -> None:
    assert parse("GET", f"/x{query}", headers, "127.0.0.1").window() == window


def test_while_it_starts_a_server_says_so(tmp_path: Path) -> None:
    core = Core(Settings(tmp_path), Preferences(tmp_path / "Preferences.xml"), Log(tmp_path / "log"))
    answer = Router(core, []).answer(parse("GET", "/identity", {}, "127.0.0.1"))
    root = ET.fromstring(answer.encode(as_json=False)[0])
    assert (answer.status, root.get("title")) == (503, "Maintenance")
    assert "still starting up. Please retry later" in root.get("status", "")
