from __future__ import annotations

import functools
import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from plugins.modules import plex_butler, plex_phase, plex_section_refresh, plex_sections, plex_status
from tests.unit.plex.conftest import Databases, FakePlex, RunModule

JSON_MARK = '{"ms:musicAnalysisVersion":"1"}'


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> dict[str, t.Any]:
    """What `docker inspect` says; the container runs as no process of this machine."""
    facts: dict[str, t.Any] = {"Status": "running", "Pid": 2**22 + 1}

    def run_command(_self: AnsibleModule, command: list[str]) -> tuple[int, str, str]:
        assert command[:2] == ["timeout", "--kill-after=5"], "Docker may never answer"
        assert command[3:5] == ["docker", "inspect"]
        if facts.get("silent"):
            return 124, "", ""
        return 0, json.dumps([{"Id": "c" * 64, "State": facts}]), ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    return facts


@pytest.fixture
def server(plex: FakePlex) -> FakePlex:
    plex.container("GET", "/identity", claimed=True, version="1.43.3", machineIdentifier="f" * 40)
    plex.container("GET", "/", myPlexSigninState="ok", myPlexSubscription=True)
    sections = [("1", "movie", "Movies"), ("5", "artist", "Music"), ("9", "photo", "Photos")]
    listed = [{"key": key, "type": kind, "title": title} for key, kind, title in sections]
    plex.container("GET", "/library/sections", Directory=listed)
    plex.container("GET", "/activities")
    plex.answer("GET", "/butler", {"ButlerTasks": {"ButlerTask": [{"name": "MusicAnalysis"}]}})
    return plex


@pytest.fixture
def call(server: FakePlex, config: Path, run_module: RunModule) -> RunModule:
    """Run a module against the server."""
    return functools.partial(run_module, url=server.url, config=str(config))


def asked(plex: FakePlex, *methods: str) -> list[tuple[str, str, dict[str, str]]]:
    return [(method, path, query) for method, path, query, _ in plex.asked if method in methods]


def test_status(server: FakePlex, call: RunModule, docker: t.Any, databases: Databases) -> None:
    result = call(plex_status, database_dir=str(databases.directory))
    assert (result["ready"], result["usable"], result["plex_pass"]) == (True, True, True)
    assert result["processes"] == {"scanner": 0, "deep": 0, "media": 0, "analyser": 0, "server": 0}
    docker["Status"] = "exited"
    assert not call(plex_status)["ready"]


@pytest.mark.parametrize(
    ("status", "changed", "already"), [(200, True, False), (202, False, True)], ids=["started", "runs already"]
)
def test_butler_starts(server: FakePlex, call: RunModule, status: int, changed: bool, already: bool) -> None:
    server.answer("POST", "/butler/MusicAnalysis", "", status)
    result = call(plex_butler, task="MusicAnalysis")
    assert (result["changed"], result["already_running"]) == (changed, already)


def test_butler_refuses_an_unknown_task_with_the_list(server: FakePlex, call: RunModule) -> None:
    result = call(plex_butler, task="SonicAnalysis")
    assert result["msg"] == "Unknown butler task SonicAnalysis: this server has MusicAnalysis."
    assert asked(server, "POST") == []


@pytest.mark.parametrize(("status", "changed"), [(200, True), (404, False)], ids=["stopped", "did not run"])
def test_butler_stops_one(server: FakePlex, call: RunModule, status: int, changed: bool) -> None:
    server.answer("DELETE", "/butler/MusicAnalysis", "", status)
    arguments = {"task": "MusicAnalysis", "state": "stopped"}
    assert call(plex_butler, **arguments)["changed"] is changed


@pytest.mark.parametrize("running", [True, False])
def test_butler_stops_all(server: FakePlex, call: RunModule, running: bool) -> None:
    server.answer("DELETE", "/butler", "")
    activities = [{"type": "butler", "title": "BackupDatabase"}] if running else []
    server.container("GET", "/activities", Activity=activities)
    arguments = {"state": "all_stopped"}
    assert call(plex_butler, **arguments)["changed"] is running
    assert asked(server, "DELETE") == [("DELETE", "/butler", {})]


@pytest.mark.parametrize("state", ["started", "stopped", "all_stopped"])
def test_butler_failures_have_the_servers_words(server: FakePlex, call: RunModule, state: str) -> None:
    for method, path in (("POST", "/butler/MusicAnalysis"), ("DELETE", "/butler/MusicAnalysis"), ("DELETE", "/butler")):
        server.answer(method, path, "<h1>busy</h1>", 500)
    arguments = {"task": "MusicAnalysis", "state": state}
    assert "HTTP 500 (busy)" in call(plex_butler, **arguments)["msg"]
    assert call(plex_butler, check_mode=True, **arguments).get("failed") is None


@pytest.mark.parametrize(
    ("names", "keys", "left_out"),
    [
        ([], [1, 5], ["Photos"]),
        (["music"], [5], ["Movies", "Photos"]),
        (["Photos", "Movies"], [1, 9], ["Music"]),
    ],
)
def test_sections(server: FakePlex, call: RunModule, names: list[str], keys: list[int], left_out: list[str]) -> None:
    result = call(plex_sections, names=names)
    assert [section["key"] for section in result["sections"]] == keys
    assert result["left_out"] == left_out


def test_an_unknown_section_is_refused(server: FakePlex, call: RunModule) -> None:
    result = call(plex_sections, names=["Musik"])
    assert "Musik" in result["msg"]
    assert "Movies, Music, Photos" in result["msg"]


@pytest.mark.parametrize(
    ("options", "request_sent"),
    [
        ({}, ("GET", "/library/sections/5/refresh", {})),
        ({"force": True}, ("GET", "/library/sections/5/refresh", {"force": "1"})),
        (
            {"force": True, "path": "/m/a & b"},
            ("GET", "/library/sections/5/refresh", {"force": "1", "path": "/m/a & b"}),
        ),
        ({"path": "/m/a"}, ("GET", "/library/sections/5/refresh", {"path": "/m/a"})),
        ({"state": "cancelled", "force": True}, ("DELETE", "/library/sections/5/refresh", {})),
        ({"work": "media_analysis"}, ("PUT", "/library/sections/5/analyze", {})),
    ],
)
def test_refresh(
    server: FakePlex,
    call: RunModule,
    options: dict[str, t.Any],
    request_sent: tuple[str, str, dict[str, str]],
) -> None:
    server.answer(request_sent[0], request_sent[1], "")
    assert call(plex_section_refresh, section=5, **options)["changed"]
    assert asked(server, "GET", "PUT", "DELETE") == [request_sent]


def test_an_analysis_cannot_be_cancelled(server: FakePlex, call: RunModule) -> None:
    result = call(plex_section_refresh, section=5, work="media_analysis", state="cancelled")
    assert result["msg"] == "A media analysis cannot be cancelled: leave out state, or work."
    assert asked(server, "GET", "PUT", "DELETE") == []


def test_refresh_tells_why_not(server: FakePlex, call: RunModule) -> None:
    words = '<Response code="503" status="Server cannot refresh a music library when not signed in"/>'
    server.answer("GET", "/library/sections/5/refresh", words, 503)
    result = call(plex_section_refresh, section=5)
    assert result["msg"] == (
        "The media server did not scan section 5: HTTP 503 (Server cannot refresh a music library when not signed in)."
    )


@pytest.fixture
def phase(
    server: FakePlex, call: RunModule, docker: t.Any, databases: Databases, tmp_path: Path
) -> t.Callable[..., dict[str, t.Any]]:
    def run(**options: t.Any) -> dict[str, t.Any]:
        common = {
            "database_dir": str(databases.directory),
            "samples": str(tmp_path / "samples.jsonl"),
            "phase": "sonic",
            "section": 5,
            "thresholds": {"grace_seconds": 0},
        }
        return call(plex_phase, **{**common, **options})

    return run


def test_a_phase_from_begin_to_done(
    phase: t.Callable[..., dict[str, t.Any]], databases: Databases, tmp_path: Path
) -> None:
    databases.track(1)
    databases.track(2, extra=JSON_MARK, vector=True)
    begun = phase(state="begun", run_id="r1", title="Music")
    assert (begun["verdict"], begun["done"], begun["left"]) == ("waiting", 1, 1)
    databases.run("com.plexapp.plugins.library.db", f"UPDATE metadata_items SET extra_data = '{JSON_MARK}'")
    assert phase(run_id="r1")["verdict"] == "waiting"
    databases.run("com.plexapp.plugins.library.blobs.db", "INSERT INTO blobs VALUES (9, 'metadata_item', 1, 7)")
    done = phase(run_id="r1")
    assert (done["verdict"], done["finished"], done["message"]) == ("done", True, "2/2 tracks")
    assert (done["result"]["before"]["analysed"], done["result"]["after"]["analysed"]) == (1, 2)
    judged = phase(state="judged", run_id="r1")
    assert (judged["verdict"], judged["sample"]) == ("done", None)
    assert judged["result"]["title"] == "Music"
    other = phase(state="judged", run_id="other", title="Music")
    assert other["result"] == {"section": 5, "title": "Music", "verdict": "not_begun", "message": "not begun"}
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert kinds == ["begin", "sample", "sample"]
    assert phase(state="begun", run_id="r2")["verdict"] == "already_complete"


def test_what_the_guard_did_meanwhile_is_told_with_each_look(
    phase: t.Callable[..., dict[str, t.Any]], databases: Databases, tmp_path: Path
) -> None:
    databases.track(1)
    guard = tmp_path / "guard"
    guard.mkdir()
    log = guard / "events.jsonl"
    (guard / "status.json").write_text('{"state": "healthy", "frozen": false}')
    # What was before the phase is nothing of it.
    log.write_text('{"at": 10.0, "event": "frozen", "cause": "long ago"}\n{"at": 19.0, "event": "thawed"}\n')
    samples = str(tmp_path / "samples/sonic.jsonl")
    begun = phase(state="begun", samples=samples, run_id="r1")["message"]
    assert "stood still" not in begun
    began = json.loads(Path(samples).read_text())["at"]
    with log.open("a") as lines:
        lines.write(f'{{"at": {began + 1}, "event": "frozen", "cause": "the process of the mount ended"}}\n')
    told = (
        "; Plex stood still once, 0 s in all, and does so now, 0 repairs of the mount (the process of the mount ended)"
    )
    assert phase(samples=samples, run_id="r1")["message"].endswith(told)
    assert phase(state="judged", samples=samples, run_id="r1")["result"]["message"].count("stood still") == 1


def test_a_guard_that_gave_up_ends_a_phase_although_docker_says_nothing(
    phase: t.Callable[..., dict[str, t.Any]], docker: dict[str, t.Any], databases: Databases, tmp_path: Path
) -> None:
    databases.track(1)
    guard, samples = tmp_path / "guard", str(tmp_path / "samples/sonic.jsonl")
    guard.mkdir()
    (guard / "events.jsonl").touch()
    phase(state="begun", samples=samples, run_id="r1")
    docker["silent"] = True
    assert phase(samples=samples, run_id="r1")["verdict"] == "waiting"
    (guard / "status.json").write_text('{"state": "given_up", "frozen": true}')
    (guard / "given_up.json").write_text('{"reason": "S3 did not answer for 1800 s"}')
    ended = phase(samples=samples, run_id="r1")
    assert (ended["verdict"], ended["finished"]) == ("mount_lost", True)
    assert "S3 did not answer" in ended["message"]


def test_a_sample_without_a_begin_begins(phase: t.Callable[..., dict[str, t.Any]], tmp_path: Path) -> None:
    assert not phase(phase="scan")["finished"]
    assert json.loads((tmp_path / "samples.jsonl").read_text())["kind"] == "begin"


@pytest.mark.parametrize(("name", "told"), [("scan", True), ("refresh", True), ("analyse", False)])
def test_of_a_scan_the_servers_logs_are_read(
    phase: t.Callable[..., dict[str, t.Any]], tmp_path: Path, name: str, told: bool
) -> None:
    logs, directory = tmp_path / "Server/Logs", tmp_path / "Server/Plug-in Support/Databases"
    for place in (logs, directory):
        place.mkdir(parents=True)
    log = logs / "Plex Media Server.log"
    log.write_text("Waited over 10 seconds for a busy database; giving up.\n", encoding="utf-8")
    Databases(directory).track(1)
    begun = phase(phase=name, state="begun", database_dir=str(directory))
    assert "database_errors" not in begun["sample"]
    with log.open("a", encoding="utf-8") as file:
        file.write("Database error: database or disk is full\n")
    sample = phase(phase=name, database_dir=str(directory))["sample"]
    assert sample.get("database_errors") == (["database or disk is full"] if told else None)


def test_a_phase_of_the_whole_server(phase: t.Callable[..., dict[str, t.Any]], server: FakePlex) -> None:
    phase(phase="stabilise", section=None, state="begun")
    server.container("GET", "/activities", Activity=[{"type": "butler", "title": "Backup"}])
    result = phase(phase="stabilise", section=None)
    assert (result["verdict"], "Backup" in result["message"]) == ("waiting", True)
    assert result["result"]["before"] is None


def test_a_section_is_needed(phase: t.Callable[..., dict[str, t.Any]]) -> None:
    assert phase(phase="scan", section=None)["msg"] == "The phase scan needs the key of a section: add section."


def test_a_frozen_container_is_not_asked(
    phase: t.Callable[..., dict[str, t.Any]], docker: dict[str, t.Any], server: FakePlex
) -> None:
    docker["Status"] = "paused"
    sample = phase()["sample"]
    assert (sample["http"], sample["container"], server.asked) == (0, "paused", [])


def test_a_silent_server_is_a_sample(phase: t.Callable[..., dict[str, t.Any]], server: FakePlex) -> None:
    server.answer("GET", "/library/sections", '<Response code="503" status="starting"/>', 503)
    sample = phase()["sample"]
    assert (sample["http"], sample["http_words"]) == (503, "HTTP 503 (starting)")
    assert "activities" not in sample


def test_a_disk_that_takes_nothing_does_not_keep_the_end_from_being_seen(
    phase: t.Callable[..., dict[str, t.Any]], databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.track(1)
    phase(state="begun")

    def full(*_: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plugins.module_utils.samples.append", full)
    monkeypatch.setattr("plugins.module_utils.progress_counts.save", full)
    result = phase(thresholds={"ended_at": 1})
    assert (result["finished"], result["verdict"]) == (True, "capped"), result["message"]
    assert "No space left on device" in " ".join(str(warning) for warning in result["warnings"])


def test_check_mode_leaves_no_sample(
    server: FakePlex, call: RunModule, docker: t.Any, databases: Databases, tmp_path: Path
) -> None:
    call(
        plex_phase,
        check_mode=True,
        database_dir=str(databases.directory),
        samples=str(tmp_path / "samples.jsonl"),
        phase="scan",
        section=5,
        thresholds={},
    )
    assert not (tmp_path / "samples.jsonl").exists()


def test_a_further_try_is_marked_and_keeps_the_begin(
    docker: dict[str, t.Any], server: FakePlex, config: Path, databases: Databases, run_module: RunModule
) -> None:
    databases.track(1)
    samples = config / "sonic.jsonl"
    call = functools.partial(
        run_module,
        plex_phase,
        url=server.url,
        config=str(config),
        phase="sonic",
        section=5,
        database_dir=str(databases.directory),
        samples=str(samples),
        thresholds={"quiet_samples": 3},
    )
    for state in ("begun", "sampled", "resumed", "sampled"):
        call(state=state)
    kinds = [json.loads(line)["kind"] for line in samples.read_text().splitlines()]
    assert kinds == ["begin", "sample", "retry", "sample"]
