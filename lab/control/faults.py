"""`script/lab fault`: faults of the stand-ins by name, over their admin ports."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.plexsim.plexsim.faults.desk import ROOT
from lab.plexsim.plexsim.settings import Settings

from . import docker, settings
from .errors import LabError

_PLEX_PORT = Settings.admin_port
_PLEX_REPOSITORY = settings.PLEX_IMAGE.partition(":")[0]
# Takes method, path and JSON; gives status and JSON.
Call = Callable[[str, str, Mapping[str, object] | None], tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Desk:
    """A stand-in that takes faults."""

    name: str
    call: Call
    asleep: str = ""
    """Why it cannot be asked now, and what helps; empty when it can."""

    def faults(self) -> dict[str, dict[str, Any]]:
        """What it knows, by name; a stand-in without an admin port, or one that stands still, knows none."""
        if self.asleep:
            return {}
        status, shown = self.call("GET", ROOT, None)
        if status == 404:
            return {}
        if status != 200 or not isinstance(shown.get("faults"), dict):
            raise LabError(f"{self.name} does not list its faults (status {status}); run script/lab up again.")
        faults: dict[str, dict[str, Any]] = shown["faults"]
        return faults

    def switch(self, fault: str, wish: Mapping[str, object]) -> dict[str, Any]:
        """Switch one fault; a refusal is its own sentence."""
        status, shown = self.call("PUT", f"{ROOT}/{fault}", wish)
        if status != 200:
            raise LabError(f"{self.name} refused: {shown.get('error', f'status {status}')}.")
        return shown


def _over_http(address: str) -> Call:
    def call(method: str, path: str, wish: Mapping[str, object] | None) -> tuple[int, dict[str, Any]]:
        body = None if wish is None else json.dumps(wish).encode()
        request = urllib.request.Request(address + path, data=body, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, _object(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _object(error.read())
        except OSError as error:
            raise LabError(f"{address} does not answer ({error}); run script/lab up first.") from error

    return call


def _inside(machine: str, container: str) -> Call:
    """Through the machine: the admin port of a Plex container is not published."""

    def call(method: str, path: str, wish: Mapping[str, object] | None) -> tuple[int, dict[str, Any]]:
        sent = () if wish is None else ("--data", json.dumps(wish))
        options = ("--silent", "--show-error", "--max-time", "3", "--write-out", "\n%{http_code}", "--request", method)
        address = f"http://127.0.0.1:{_PLEX_PORT}{path}"
        # Not by docker exec, which joins what stands still and waits with it; only its network is entered.
        pid = docker.run("exec", machine, "docker", "inspect", "--format", "{{.State.Pid}}", container)
        command = ("nsenter", "--net", "--target", pid, "curl", *options, *sent, address)
        asked = docker.attempt("exec", machine, *command)
        if asked.returncode:
            reason = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise LabError(f"frozen or still starting: {reason}")
        body, _, status = asked.stdout.strip().rpartition("\n")
        return int(status), _object(body.encode())

    return call


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _machines() -> list[str]:
    running = docker.run("container", "ls", "--filter", f"label={settings.LABEL}=1", "--format", "{{.Names}}").split()
    kinds = (f"{settings.PREFIX}-srv-", f"{settings.PREFIX}-machine-")
    return sorted(name for name in running if name.startswith(kinds))


def desks() -> list[Desk]:
    """Every stand-in that can be reached now: cloud, plex.tv, the proxy before S3, each Plex on each machine."""
    docker.check_daemon()
    found = [
        Desk("cloud", _over_http(f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}")),
        Desk("plex.tv", _over_http(f"http://{settings.PLEX_TV_ADDRESS}:{settings.PLEX_TV_PORT}")),
        Desk("s3", _over_http(f"http://{settings.S3_FAULT_ADDRESS}:{settings.S3_FAULT_ADMIN_PORT}")),
    ]
    for machine in _machines():
        wanted = "{{.Names}} {{.State}} {{.Image}}"
        listed = docker.attempt("exec", machine, "docker", "container", "ls", "--format", wanted)
        for line in listed.stdout.splitlines() if listed.returncode == 0 else []:
            container, state, image = line.split(" ", 2)
            if _PLEX_REPOSITORY in image:
                asleep = f"frozen; docker exec {machine} docker unpause {container}" if state == "paused" else ""
                found.append(_answering(Desk(f"{container}@{machine}", _inside(machine, container), asleep)))
    return found


def _answering(desk: Desk) -> Desk:
    """Give a desk that is asleep when it does not answer: the guard of a mount freezes a Plex without Docker's word."""
    try:
        desk.faults()
    except LabError as error:
        return replace(desk, asleep=str(error))
    return desk


def wish_of(state: str, parameters: list[str]) -> dict[str, object]:
    """The body of a request: `on` with `name=value` parameters."""
    wish: dict[str, object] = {"on": state == "on"}
    for text in parameters:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise LabError(f"{text!r} is no parameter; write name=value: script/lab fault slow_answers on seconds=5")
        wish[name] = value
    return wish


def switch(found: list[Desk], fault: str, state: str | None, parameters: list[str]) -> list[str]:
    """Switch a fault wherever it is known (or show it there); gives a line for each place."""
    known = [(desk, faults) for desk in found if fault in (faults := desk.faults())]
    if not known:
        places = ", ".join(desk.name for desk in found if not desk.asleep)
        frozen = "".join(f"; {desk.name} cannot be asked ({desk.asleep})" for desk in found if desk.asleep)
        raise LabError(f"No fault {fault!r} at {places}{frozen}; script/lab fault --list shows what there is.")
    wish = wish_of(state or "off", parameters)
    return [_line(desk.name, fault, desk.switch(fault, wish) if state else faults[fault]) for desk, faults in known]


def listing(found: list[Desk]) -> list[str]:
    """A line for each fault of each stand-in."""
    lines = [_line(desk.name, name, fault) for desk in found for name, fault in desk.faults().items()]
    return [*lines, *(f"{desk.name} cannot be asked: {desk.asleep}" for desk in found if desk.asleep)]


def _line(place: str, name: str, fault: Mapping[str, Any]) -> str:
    parameters = " ".join(f"{key}={value}" for key, value in (fault.get("parameters") or {}).items())
    words = (f"{place:8}", f"{'on' if fault.get('on') else 'off':3}", name, parameters, str(fault.get("summary", "")))
    return "  ".join(word for word in words if word)
