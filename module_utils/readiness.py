# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a media server has come up, and what to call it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .plex_container import MISSING, ContainerState
from .plex_server import PlexServer, PlexServerError, Reply, true
from .progress_counts import OK, Reading, readable

MUSIC_ANALYSIS = "music-analysis"
NOT_ASKED = "not asked"


@dataclass(frozen=True)
class Answers:
    """What the server said to four questions; None where it was not asked."""

    identity: Reply
    root: Reply | None
    sections: Reply | None
    database: Reading


def ask(url: str, token: str, database_dir: str | None, timeout: float) -> Answers:
    """Ask once. Only a server that answers its identity is asked for more."""
    server = PlexServer(url, token, timeout)
    identity = server.request("GET", "/identity")
    database = readable(database_dir) if database_dir else Reading(NOT_ASKED)
    if not identity.ok:
        return Answers(identity, None, None, database)
    return Answers(identity, server.request("GET", "/"), server.request("GET", "/library/sections"), database)


def assess(container: ContainerState, token_present: bool, answers: Answers) -> dict[str, t.Any]:
    """All facts, the two judgements on them, and the sentence."""
    identity = _facts(answers.identity)
    ready = container.running and answers.identity.ok and answers.database.state in (OK, NOT_ASKED)
    claimed = _claimed(answers)
    sections_listed = answers.sections is not None and answers.sections.ok
    return {
        "ready": ready,
        "usable": ready and token_present and claimed and sections_listed,
        "hopeless": container.status in (MISSING, "exited", "dead"),
        "message": _sentence(container, token_present, answers),
        "container_status": container.status,
        "running": container.running,
        "restarting": container.status == "restarting",
        "restart_count": container.restart_count,
        "oom_killed": container.oom_killed,
        "http_status": answers.identity.status,
        "body": answers.identity.body[:200],
        "claimed": claimed,
        "version": str(identity.get("version", "")),
        "machine_identifier": str(identity.get("machineIdentifier", "")),
        "token_present": token_present,
        "plex_pass": plex_pass(_facts(answers.root)) if token_present else None,
        "database": answers.database.state,
    }


def plex_pass(root: dict[str, t.Any]) -> bool | None:
    """Whether the account is entitled to music analysis, None as long as the server has not asked plex.tv.

    `musicAnalysis` of the root says only that the server could; the entitlement is the subscription.
    """
    if root.get("myPlexSigninState") != "ok" or "myPlexSubscription" not in root:
        return None
    features = str(root.get("ownerFeatures", ""))
    return true(root["myPlexSubscription"]) and (not features or MUSIC_ANALYSIS in features.split(","))


def _claimed(answers: Answers) -> bool:
    return true(_facts(answers.identity).get("claimed", False))


def _facts(reply: Reply | None) -> dict[str, t.Any]:
    if reply is None or not reply.ok:
        return {}
    try:
        return reply.container()
    except PlexServerError:
        return {}


def _sentence(container: ContainerState, token_present: bool, answers: Answers) -> str:
    if not container.running:
        return _standing(container)
    if not answers.identity.ok:
        verb = "answers" if answers.identity.status else "gives"
        return f"The server {verb} {answers.identity.words}."
    if answers.database.state not in (OK, NOT_ASKED):
        return f"The server answers, its database is {answers.database.state} ({answers.database.detail})."
    if not token_present or not _claimed(answers):
        lacking = "belongs to no account" if token_present else "has no token"
        return f"The server is ready, but {lacking} yet."
    if answers.sections is None or not answers.sections.ok:
        words = answers.sections.words if answers.sections else "nothing"
        return f"The server is ready, but does not list its libraries: {words}."
    return "The server is ready and lists its libraries."


def _standing(container: ContainerState) -> str:
    """Why a container does not run."""
    if container.status == MISSING:
        return "There is no container of the server; ansible-playbook playbooks/plex.yml makes it."
    cause = " (out of memory)" if container.oom_killed else ""
    cause += f" with code {container.exit_code}" if container.status == "exited" else ""
    cause += f": {container.detail}" if container.detail else ""
    return f"The container is {container.status}{cause}."
