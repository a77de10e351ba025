"""Answers of the media server stand-in against the published OpenAPI file of the real one.

The file was made from documentation, not from a server: where recorded answers of real servers and the file differ, the
stand-in follows the recordings. Those places are ``EXCEPTIONS``, each with what was seen; nothing else may deviate.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator

from tests.lab.plexsim_process import MUSIC, PlexProcess, running
from tests.unit.plextv.serving import serve

pytestmark = pytest.mark.lab
FILE = Path(__file__).parents[3] / "shared" / "data" / "recorded" / "plex-openapi.yaml"
# place: what real servers were seen to send instead
EXCEPTIONS = {
    "/library/sections/all MediaContainer.Directory.hidden: type": "0, 1 or 2, as in the library's own setting",
    "/library/sections/N MediaContainer.Directory: required": "entries of the menu, which are no items with dates",
}
# The file promises a body for it; the other cancellations have none.
EMPTY = {"/library/sections/all/refresh"}
PLACE = re.compile(r"\.\d+")
READ = [
    "/identity",
    "/",
    "/:/prefs",
    "/:/prefs/get?id=autoEmptyTrash",
    "/activities",
    "/butler",
    "/library/sections/all",
    f"/library/sections/{MUSIC}",
    f"/library/sections/{MUSIC}/all?type=10",
    f"/library/sections/{MUSIC}/all?type=8&includeMeta=1",
    f"/library/sections/{MUSIC}/albums",
    f"/library/sections/{MUSIC}/prefs",
    "/library/metadata/1",
    "/status/sessions",
]
# method, path, status: the calls that start, stop and change things
DONE = [
    ("PUT", "/:/prefs?logDebug=1", 200),
    ("PUT", "/:/prefs?GenerateChapterBehavior=never", 400),
    ("GET", "/:/prefs/get?id=GenerateChapterBehavior", 404),
    ("POST", "/butler/MusicAnalysis", 200),
    ("POST", "/butler/MusicAnalysis", 202),
    ("POST", "/butler/NothingLikeThat", 404),
    ("DELETE", "/butler/MusicAnalysis", 200),
    ("POST", "/butler", 200),
    ("DELETE", "/butler", 200),
    ("POST", f"/library/sections/{MUSIC}/refresh", 200),
    ("DELETE", f"/library/sections/{MUSIC}/refresh", 200),
    ("DELETE", "/library/sections/all/refresh", 200),
    ("POST", "/library/sections/refresh", 200),
    ("POST", "/library/sections/all?name=Nowhere&type=artist&agent=a&language=en", 400),
    ("PUT", f"/library/sections/{MUSIC}?name=Music&agent=tv.plex.agents.music", 200),
    ("PUT", f"/library/sections/{MUSIC}?agent=tv.plex.agents.music&prefs[nothing]=1", 400),
    ("PUT", "/library/metadata/1/analyze", 200),
    ("PUT", f"/library/sections/{MUSIC}/analyze", 200),
    ("PUT", f"/library/sections/{MUSIC}/emptyTrash", 200),
    ("PUT", "/library/optimize?async=1", 200),
    ("PUT", "/library/clean/bundles?async=1", 200),
    ("DELETE", "/activities/00000000-0000-4000-8000-000000000000", 404),
]


@functools.cache
def specification() -> Any:
    if not FILE.exists():
        pytest.skip(f"the OpenAPI file is not on this machine: {FILE}")
    return yaml.load(FILE.read_text(), Loader=yaml.CSafeLoader)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlexProcess]:
    specification()
    with serve(tmp_path_factory.mktemp("plextv")) as plex_tv:
        for server in running(PlexProcess(tmp_path_factory.mktemp("plex"), plex_tv.base)):
            server.client().library.update()
            server.rest()
            # A started analysis is then at work for certain when it is started again.
            server.faults.switch("analyser_stall", on=True)
            yield server


def responses(method: str, path: str) -> dict[str, Any]:
    """What the file says of the answers to one call."""
    found = specification()["paths"]
    plain = path.partition("?")[0]
    # A path without place-holders is the better match.
    for template in sorted(found, key=lambda text: text.count("{")):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), plain) and method.lower() in found[template]:
            answers: dict[str, Any] = found[template][method.lower()]["responses"]
            return answers
    pytest.fail(f"the file knows no {method} {plain}")


def resolved(node: Any) -> Any:
    while "$ref" in node:
        target: Any = specification()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def deviations(schema: Any, body: Any) -> dict[str, str]:
    """Where a body is not as the file says, with the validator's words."""
    validator = OAS31Validator({**schema, "components": specification()["components"]})
    return {
        f"{PLACE.sub('', '.'.join(map(str, error.absolute_path)))}: {error.validator}": error.message[:200]
        for error in validator.iter_errors(body)
    }


def test_what_is_read_is_as_the_file_says(server: PlexProcess) -> None:
    found: dict[str, str] = {}
    for path in READ:
        status, headers, body = server.ask(path, server.token, accept="application/json")
        assert (status, headers["Content-Type"]) == (200, "application/json"), path
        schema = resolved(responses("GET", path)["200"])["content"]["application/json"]["schema"]
        plain = path.partition("?")[0].replace(str(MUSIC), "N")
        found |= {f"{plain} {where}": words for where, words in deviations(schema, json.loads(body)).items()}
    assert found.keys() - EXCEPTIONS.keys() == set(), {key: found[key] for key in found.keys() - EXCEPTIONS.keys()}
    assert EXCEPTIONS.keys() - found.keys() == set(), "no longer deviates: take it out of the table"


def test_the_older_path_of_the_list_is_the_same_list(server: PlexProcess) -> None:
    """Clients of today, ours too, ask for the one that the file does not have any more."""
    older, newer = (server.ask(path, server.token)[::2] for path in ("/library/sections", "/library/sections/all"))
    assert older == newer


@pytest.mark.parametrize(("method", "path", "status"), DONE)
def test_what_is_done_ends_as_the_file_says(server: PlexProcess, method: str, path: str, status: int) -> None:
    given, headers, _ = server.ask(path, server.token, method)
    assert given == status
    described = responses(method, path)
    assert str(status) in described
    kinds = {} if path in EMPTY else resolved(described[str(status)]).get("content", {})
    assert headers["Content-Type"] in (kinds or {"text/html"})


def test_the_validator_sees_what_is_wrong() -> None:
    schema = resolved(responses("GET", "/identity")["200"])["content"]["application/json"]["schema"]
    assert deviations(schema, {"MediaContainer": {"claimed": "perhaps", "size": 0}})
