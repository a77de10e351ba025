from __future__ import annotations

import json
import typing as t

import pytest

from module_utils.plex_container import ContainerState, inspect, parse_inspect
from module_utils.plex_server import Reply
from module_utils.progress_counts import LOCKED, OK, Reading
from module_utils.readiness import NOT_ASKED, Answers, assess, plex_pass

RUNNING = ContainerState("running", identifier="c" * 64, pid=7)
IDENTITY = Reply(
    200,
    json.dumps(
        {"MediaContainer": {"size": 0, "claimed": True, "machineIdentifier": "f" * 40, "version": "1.43.3.10861"}}
    ),
)
UNCLAIMED = Reply(200, '{"MediaContainer": {"size": 0, "claimed": false}}')
STARTING = Reply(503, '<Response code="503" title="Maintenance" status="running database migrations."/>')
SIGNED_IN = {"myPlexSigninState": "ok", "myPlexSubscription": True, "ownerFeatures": "a,music-analysis,pass"}
ROOT = Reply(200, json.dumps({"MediaContainer": SIGNED_IN}))
SECTIONS = Reply(200, '{"MediaContainer": {"size": 0}}')
REFUSED = Reply(401, "<h1>401 Unauthorized</h1>")


@pytest.mark.parametrize(
    ("container", "token", "answers", "expected"),
    [
        (
            RUNNING,
            True,
            Answers(IDENTITY, ROOT, SECTIONS, Reading(OK)),
            (True, True, "The server is ready and lists its libraries."),
        ),
        (
            RUNNING,
            False,
            Answers(IDENTITY, ROOT, REFUSED, Reading(OK)),
            (True, False, "The server is ready, but has no token yet."),
        ),
        (
            RUNNING,
            True,
            Answers(UNCLAIMED, ROOT, SECTIONS, Reading(OK)),
            (True, False, "The server is ready, but belongs to no account yet."),
        ),
        (
            RUNNING,
            True,
            Answers(IDENTITY, ROOT, REFUSED, Reading(NOT_ASKED)),
            (True, False, "The server is ready, but does not list its libraries: HTTP 401 (401 Unauthorized)."),
        ),
        (
            RUNNING,
            True,
            Answers(STARTING, None, None, Reading(OK)),
            (False, False, "The server answers HTTP 503 (running database migrations.)."),
        ),
        (
            RUNNING,
            True,
            Answers(IDENTITY, ROOT, SECTIONS, Reading(LOCKED, detail="database is locked")),
            (False, False, "The server answers, its database is locked (database is locked)."),
        ),
        (
            ContainerState("exited", oom_killed=True, exit_code=137),
            True,
            Answers(Reply(0, "refused"), None, None, Reading(OK)),
            (False, False, "The container is exited (out of memory) with code 137."),
        ),
        (
            ContainerState("missing", detail="Error: No such container: plex"),
            False,
            Answers(Reply(0, "refused"), None, None, Reading(NOT_ASKED)),
            (False, False, "There is no container of the server; ansible-playbook playbooks/plex.yml makes it."),
        ),
        (
            ContainerState("restarting"),
            True,
            Answers(IDENTITY, ROOT, SECTIONS, Reading(OK)),
            (False, False, "The container is restarting."),
        ),
    ],
)
def test_states(container: ContainerState, token: bool, answers: Answers, expected: tuple[bool, bool, str]) -> None:
    facts = assess(container, token, answers)
    assert (facts["ready"], facts["usable"], facts["message"]) == expected


def test_facts_of_a_ready_server() -> None:
    facts = assess(RUNNING, True, Answers(IDENTITY, ROOT, SECTIONS, Reading(OK)))
    assert (facts["version"], facts["claimed"], facts["plex_pass"]) == ("1.43.3.10861", True, True)
    assert (facts["http_status"], facts["running"], facts["restarting"]) == (200, True, False)


@pytest.mark.parametrize(
    ("root", "entitled"),
    [
        (SIGNED_IN, True),
        ({**SIGNED_IN, "myPlexSubscription": False}, False),
        ({**SIGNED_IN, "myPlexSubscription": "1", "ownerFeatures": ""}, True),
        ({**SIGNED_IN, "ownerFeatures": "a,pass"}, False),
        # Capable is not entitled, and starting is not knowing.
        ({"musicAnalysis": 2}, None),
        ({"musicAnalysis": 2, "myPlexSigninState": "none", "myPlexSubscription": False}, None),
        ({}, None),
    ],
)
def test_the_plex_pass_is_the_subscription(root: dict[str, t.Any], entitled: bool | None) -> None:
    assert plex_pass(root) is entitled


# The parts of `docker inspect` (20.10) that are read.
INSPECTED = json.dumps(
    [
        {
            "Id": "c" * 64,
            "RestartCount": 2,
            "State": {"Status": "exited", "Pid": 0, "OOMKilled": True, "ExitCode": 137, "Error": "no space"},
        }
    ]
)


@pytest.mark.parametrize(
    ("code", "output", "errors", "status"),
    [
        (0, INSPECTED, "", "exited"),
        (1, "[]", "Error: No such container: plex", "missing"),
        (1, "[]", "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "unknown"),
        (0, "[]", "", "unknown"),
        (0, "{", "", "unknown"),
        (0, '[{"Id": 1}]', "", "unknown"),
    ],
)
def test_docker_inspect_is_read(code: int, output: str, errors: str, status: str) -> None:
    assert parse_inspect(code, output, errors).status == status


def test_all_that_is_known_of_a_dead_container() -> None:
    state = inspect(lambda command: (0, INSPECTED, "") if command[-1] == "plex" else (1, "", ""), "plex")
    assert (state.restart_count, state.oom_killed, state.exit_code, state.detail) == (2, True, 137, "no space")
