from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from module_utils.plex_server import PlexServerError
from module_utils.preferences import recall, remember, spell
from plugins.modules import plex_preferences
from tests.unit.plex.conftest import FakePlex, RunModule

QUIET = {"autoEmptyTrash": False, "ButlerStartHour": 3, "MusicAnalysisBehavior": "never"}


@pytest.fixture
def server(plex: FakePlex) -> FakePlex:
    plex.setting("autoEmptyTrash", True, "bool")
    plex.setting("ButlerStartHour", 2, "int")
    plex.setting("MusicAnalysisBehavior", "scheduled")
    plex.setting("LoudnessAnalysisBehavior", "never")
    return plex


def puts(plex: FakePlex) -> list[dict[str, str]]:
    return [query for method, _, query, _ in plex.asked if method == "PUT"]


@pytest.mark.parametrize(
    ("value", "kind", "spelled"),
    [
        (False, "bool", "false"),
        ("0", "bool", "false"),
        ("1", "bool", "true"),
        (True, "", "true"),
        (3, "int", "3"),
        ("x", "text", "x"),
    ],
)
def test_values_are_spelled_as_the_server_wants(value: t.Any, kind: str, spelled: str) -> None:
    assert spell(value, kind) == spelled


def test_one_batch_sets_what_differs(server: FakePlex, config: Path, run_module: RunModule) -> None:
    arguments = {"url": server.url, "config": str(config), "values": QUIET}
    result = run_module(plex_preferences, **arguments)
    assert puts(server) == [{"autoEmptyTrash": "false", "ButlerStartHour": "3", "MusicAnalysisBehavior": "never"}]
    assert (result["changed"], result["refused"]) == (True, [])
    assert result["previous"] == {
        "autoEmptyTrash": "true",
        "ButlerStartHour": "2",
        "MusicAnalysisBehavior": "scheduled",
    }
    again = run_module(plex_preferences, **arguments)
    assert (again["changed"], len(puts(server))) == (False, 1)


def test_a_name_the_server_does_not_know_is_refused_alone(
    server: FakePlex, config: Path, run_module: RunModule
) -> None:
    values = {**QUIET, "ButlerTaskSonicAnalysis": False}
    result = run_module(plex_preferences, url=server.url, config=str(config), values=values)
    assert result["refused"] == ["ButlerTaskSonicAnalysis: HTTP 400 (400 Bad Request)"]
    assert server.settings["autoEmptyTrash"]["value"] is False
    assert "ButlerTaskSonicAnalysis" not in result["differing"]


def test_an_unknown_name_that_is_swallowed_in_silence_is_refused_too(
    server: FakePlex, config: Path, run_module: RunModule
) -> None:
    server.answer("PUT", "/:/prefs", "")
    server.answers[("GET", "/:/prefs")] = server._prefs("GET", {})
    result = run_module(plex_preferences, url=server.url, config=str(config), values={"Nothing": 1, **QUIET})
    assert not result["changed"]
    assert result["refused"] == [
        "ButlerStartHour: the server keeps '2' instead of '3'",
        "MusicAnalysisBehavior: the server keeps 'scheduled' instead of 'never'",
        "Nothing: not known to this server",
        "autoEmptyTrash: the server keeps 'true' instead of 'false'",
    ]


def test_a_rejected_batch_is_set_one_by_one(server: FakePlex, config: Path, run_module: RunModule) -> None:
    server.reject_batches_with = {"ButlerStartHour"}
    result = run_module(plex_preferences, url=server.url, config=str(config), values=QUIET)
    assert len(puts(server)) == 4
    assert result["differing"] == {"autoEmptyTrash": "false", "MusicAnalysisBehavior": "never"}
    assert result["refused"] == ["ButlerStartHour: HTTP 400 (400 Bad Request)"]


@pytest.mark.parametrize(("method", "status"), [("GET", 401), ("PUT", 503)])
def test_a_server_that_says_no_is_a_failure_in_words(
    server: FakePlex, config: Path, run_module: RunModule, method: str, status: int
) -> None:
    server.answer(method, "/:/prefs", "<h1>No</h1>", status)
    result = run_module(plex_preferences, url=server.url, config=str(config), values=QUIET)
    assert result["failed"]
    assert f"HTTP {status} (No)" in result["msg"]


def test_check_mode_only_tells(server: FakePlex, config: Path, run_module: RunModule, tmp_path: Path) -> None:
    snapshot = tmp_path / "snapshot.json"
    result = run_module(
        plex_preferences,
        check_mode=True,
        url=server.url,
        config=str(config),
        values={**QUIET, "Nothing": 1},
        snapshot=str(snapshot),
    )
    assert (result["changed"], puts(server), snapshot.exists()) == (True, [], False)
    assert result["refused"] == ["Nothing: not known to this server"]


def test_the_owners_values_come_back(server: FakePlex, config: Path, run_module: RunModule, tmp_path: Path) -> None:
    snapshot = tmp_path / "state" / "snapshot.json"
    common = {"url": server.url, "config": str(config), "snapshot": str(snapshot)}
    run_module(plex_preferences, values=QUIET, **common)
    run_module(plex_preferences, values={"MusicAnalysisBehavior": "asap"}, **common)
    assert snapshot.stat().st_mode & 0o777 == 0o600
    result = run_module(plex_preferences, state="restored", **common)
    assert result["changed"]
    assert {name: entry["value"] for name, entry in server.settings.items()} == {
        "autoEmptyTrash": True,
        "ButlerStartHour": "2",
        "MusicAnalysisBehavior": "scheduled",
        "LoudnessAnalysisBehavior": "never",
    }
    assert not run_module(plex_preferences, state="restored", **common)["changed"]


def test_without_a_snapshot_there_is_nothing_to_restore(
    server: FakePlex, config: Path, run_module: RunModule, tmp_path: Path
) -> None:
    result = run_module(
        plex_preferences,
        url=server.url,
        config=str(config),
        state="restored",
        snapshot=str(tmp_path / "none.json"),
    )
    assert not result["changed"]


def test_the_first_value_seen_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    remember(path, {"a": "1"})
    remember(path, {"a": "2", "b": "3"})
    assert recall(path) == {"a": "1", "b": "3"}


def test_a_broken_snapshot_is_told(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text("{")
    with pytest.raises(PlexServerError, match="is not JSON; delete it"):
        recall(path)


def test_what_is_kept_is_not_put_back(plex: FakePlex, config: Path, tmp_path: Path, run_module: RunModule) -> None:
    plex.setting("autoEmptyTrash", value=True, kind="bool")
    plex.setting("GenerateBIFBehavior", "asap")
    snapshot = str(tmp_path / "before.json")
    wanted = {"autoEmptyTrash": False, "GenerateBIFBehavior": "never"}
    run_module(plex_preferences, url=plex.url, config=str(config), values=wanted, snapshot=snapshot)
    back = run_module(
        plex_preferences,
        url=plex.url,
        config=str(config),
        snapshot=snapshot,
        state="restored",
        kept=["autoEmptyTrash"],
    )
    assert back["differing"] == {"GenerateBIFBehavior": "asap"}
    assert plex.settings["autoEmptyTrash"]["value"] is False
