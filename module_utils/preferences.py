# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Server preferences: what differs, how to spell it, what did not take.

A server lists only the preferences its account may use, and what it does with a name it does not know is not
certain. So names that are listed go in one batch, the others one by one, and all are read back.
"""

from __future__ import annotations

import json
import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from .plex_server import PlexServer, PlexServerError, listed, true

PATH = "/:/prefs"
# How servers answer to a name or value they do not take. Anything else is no answer about preferences.
REJECTED = (400, 403, 404, 422)


@dataclass(frozen=True)
class Setting:
    """One preference as the server lists it, its value in the server's own spelling."""

    name: str
    kind: str
    value: str


@dataclass(frozen=True)
class Outcome:
    """What setting preferences led to. `refused` are names the server does not know or did not take."""

    previous: dict[str, str]
    differing: dict[str, str]
    refused: dict[str, str]


def spell(value: t.Any, kind: str) -> str:
    """A value in the spelling the server understands: booleans are words, the rest is text."""
    if kind == "bool" or isinstance(value, bool):
        return "true" if true(value) else "false"
    return str(value)


def read(server: PlexServer) -> dict[str, Setting]:
    """All preferences the server lists. A read right after a write may be refused, so it is asked twice."""
    try:
        container = server.get(PATH)
    except PlexServerError:
        container = server.get(PATH)
    settings = {}
    for entry in listed(container, "Setting"):
        kind = str(entry.get("type", "text"))
        name = str(entry.get("id", ""))
        settings[name] = Setting(name, kind, spell(entry.get("value", ""), kind))
    return settings


def differing(settings: t.Mapping[str, Setting], wanted: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The wanted values that the server does not have, spelled; unlisted names are always among them."""
    result = {}
    for name, value in wanted.items():
        setting = settings.get(name)
        spelled = spell(value, setting.kind if setting else "")
        if setting is None or setting.value != spelled:
            result[name] = spelled
    return result


def apply(server: PlexServer, before: t.Mapping[str, Setting], changes: t.Mapping[str, str]) -> Outcome:
    """Set what differs and read each one back."""
    words = _put(server, {name: value for name, value in changes.items() if name in before})
    for name, value in changes.items():
        if name not in before:
            words.update(_put(server, {name: value}))
    after = read(server) if changes else dict(before)
    refused = {
        name: words.get(name) or _why(after.get(name), value)
        for name, value in changes.items()
        if name not in after or after[name].value != value
    }
    return Outcome(
        previous={name: before[name].value for name in changes if name in before},
        differing={name: value for name, value in changes.items() if name not in refused},
        refused=refused,
    )


def _put(server: PlexServer, changes: t.Mapping[str, str]) -> dict[str, str]:
    """Write one batch, or one by one when the server rejects it. Returns its words for what it rejected."""
    if not changes:
        return {}
    reply = server.request("PUT", PATH, changes)
    if reply.ok:
        return {}
    if reply.status not in REJECTED:
        raise PlexServerError(f"The media server did not set its preferences: {reply.words}.")
    if len(changes) == 1:
        return dict.fromkeys(changes, reply.words)
    rejected: dict[str, str] = {}
    for name, value in changes.items():
        rejected.update(_put(server, {name: value}))
    return rejected


def _why(setting: Setting | None, value: str) -> str:
    if setting is None:
        return "not known to this server"
    return f"the server keeps {setting.value!r} instead of {value!r}"


def remember(path: Path, previous: t.Mapping[str, str]) -> dict[str, str]:
    """Add values to a snapshot, never over one that is in it: the first value seen is the owner's."""
    snapshot = recall(path)
    merged = {**previous, **snapshot}
    if merged != snapshot:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        with temporary.open("w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o600)
            json.dump(merged, stream, indent=1, sort_keys=True)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    return merged


def recall(path: Path) -> dict[str, str]:
    """The values of a snapshot, none when there is no snapshot."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise PlexServerError(f"The snapshot {path} is not JSON; delete it to start a new one.") from None
    return {str(name): str(value) for name, value in values.items()}
