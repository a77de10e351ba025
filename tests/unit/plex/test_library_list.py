"""The list of libraries to make: what is accepted, what is refused in which words, and what is missing."""

from __future__ import annotations

import json
import typing as t

import pytest

from module_utils.library_list import LibraryListError, missing, parse
from plugins.modules import plex_libraries

from .conftest import FakePlex, RunModule

MUSIC = {"title": "Music", "type": "artist", "paths": ["/media/library/Music"]}


def text(*libraries: t.Any) -> str:
    return json.dumps({"libraries": libraries})


def test_what_is_left_out_is_filled_in() -> None:
    (library,) = parse(text(MUSIC))
    assert library.as_dict() == {
        **MUSIC,
        "agent": "tv.plex.agents.music",
        "scanner": "Plex Music",
        "language": "en-US",
    }


def test_what_is_given_is_kept() -> None:
    given = {**MUSIC, "agent": "tv.plex.agents.none", "scanner": "Plex Music Scanner", "language": "fr-FR"}
    assert parse(text(given))[0].as_dict() == given


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is not JSON"),
        ("[]", "it names no libraries"),
        ('{"libraries": []}', "it names no libraries"),
        (text("Music"), "library 1 is no object"),
        (text({}), "library 1 has no title and no type and no paths"),
        (text(MUSIC, {**MUSIC, "title": ""}), "library 2 has no title"),
        (text({**MUSIC, "title": "  "}), "library 1 has a title"),
        (text({**MUSIC, "title": 7}), "library 1 has a title"),
        (text({**MUSIC, "type": "music"}), "has the type music; Plex knows movie, show, artist, photo"),
        (text({**MUSIC, "paths": ["Music"]}), "library 1 must have absolute paths"),
        (text({**MUSIC, "paths": "/media"}), "library 1 must have absolute paths"),
        (text({**MUSIC, "agnet": "x"}), "library 1 has an unknown agnet"),
        (text(MUSIC, {**MUSIC, "title": "MUSIC"}), "two libraries are called music"),
    ],
)
def test_what_is_refused(content: str, words: str) -> None:
    with pytest.raises(LibraryListError, match=words):
        parse(content)


def test_a_title_in_another_spelling_is_there() -> None:
    libraries = parse(text({**MUSIC, "title": 'Caf\u00e9 "A"'}, {**MUSIC, "title": "Jazz"}))
    assert [library.title for library in missing(libraries, ['cafe\u0301 "a"'])] == ["Jazz"]


@pytest.fixture
def server(plex: FakePlex) -> FakePlex:
    plex.container("GET", "/library/sections", Directory=[{"key": "3", "title": "Films", "type": "movie"}])
    return plex


def make(server: FakePlex, run_module: RunModule, config: t.Any, **options: t.Any) -> dict[str, t.Any]:
    libraries = text({**MUSIC, "title": "FILMS"}, {**MUSIC, "paths": ["/a & b", "/c"]})
    return run_module(plex_libraries, url=server.url, config=str(config), libraries=libraries, **options)


def test_only_what_is_missing_is_made(server: FakePlex, run_module: RunModule, config: t.Any) -> None:
    server.answer("POST", "/library/sections", "", 201)
    result = make(server, run_module, config)
    assert (result["changed"], result["made"]) == (True, ["Music"])
    (query,) = [query for method, _, query, _ in server.asked if method == "POST"]
    assert query == {
        "name": "Music",
        "type": "artist",
        "agent": "tv.plex.agents.music",
        "scanner": "Plex Music",
        "language": "en-US",
        "location": "/c",
    }


def test_a_scan_that_the_server_begins_by_itself_is_stopped(
    server: FakePlex, run_module: RunModule, config: t.Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer("POST", "/library/sections", "", 201)
    sections = [{"key": "3", "title": "Films", "type": "movie"}, {"key": "9", "title": "Music", "type": "artist"}]
    listed = iter([sections[:1], sections])
    monkeypatch.setattr(server, "handle", _listing(server, listed))
    make(server, run_module, config)
    assert [path for method, path, *_ in server.asked if method == "DELETE"] == ["/library/sections/9/refresh"]


def _listing(server: FakePlex, listed: t.Iterator[list[dict[str, str]]]) -> t.Any:
    plain = server.handle

    def handle(method: str, path: str, query: dict[str, str], token: str) -> tuple[int, str]:
        if (method, path) == ("GET", "/library/sections"):
            server.container("GET", path, Directory=next(listed))
        return plain(method, path, query, token)

    return handle


def test_check_mode_makes_nothing(server: FakePlex, run_module: RunModule, config: t.Any) -> None:
    assert make(server, run_module, config, check_mode=True)["made"] == ["Music"]
    assert [method for method, *_ in server.asked] == ["GET"]


def test_reading_asks_nobody(server: FakePlex, run_module: RunModule, config: t.Any) -> None:
    result = make(server, run_module, config, state="read")
    assert (result["changed"], len(result["libraries"]), server.asked) == (False, 2, [])


def test_a_section_that_the_list_does_not_have_is_refused(
    server: FakePlex, run_module: RunModule, config: t.Any
) -> None:
    result = make(server, run_module, config, state="read", names=["Jazz"])
    assert result["msg"].startswith("Unknown section Jazz: the list of libraries has FILMS, Music.")


def test_a_refusal_has_the_servers_words(server: FakePlex, run_module: RunModule, config: t.Any) -> None:
    server.answer("POST", "/library/sections", "<html><h1>400 Bad Request</h1></html>", 400)
    assert make(server, run_module, config)["msg"] == (
        "The media server did not make the library Music: HTTP 400 (400 Bad Request)."
    )
