"""The docker command line, with its failures as sentences."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import LabError

_PROXIES = ("http_proxy", "https_proxy", "no_proxy")


def attempt(
    *arguments: str, timeout: float = 120, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run docker and hand back whatever happened. environment: values for `--env NAME`."""
    try:
        return subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, "DOCKER_CLI_HINTS": "false", **(environment or {})},
        )
    except FileNotFoundError as error:
        raise LabError("Docker is not installed; run script/bootstrap, which installs it.") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"docker {arguments[0]} did not end within {timeout:.0f} s.") from error


def run(*arguments: str, timeout: float = 120) -> str:
    """Run docker, which must succeed, and return what it printed."""
    done = attempt(*arguments, timeout=timeout)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise LabError(f"docker {arguments[0]} failed: {reason[-1] if reason else 'without a word'}.")
    return done.stdout.strip()


def check_daemon() -> None:
    """Fail in one sentence when there is no Docker to work with."""
    if shutil.which("docker") is None:
        raise LabError("Docker is not installed; run script/bootstrap, which installs it.")
    done = attempt("version", "--format", "{{.Server.Version}}")
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise LabError(f"The Docker daemon does not answer ({reason[0]}); run script/bootstrap, which starts it.")


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Docker's description of a container, image, network or volume; None if it does not exist."""
    done = attempt(kind, "inspect", name)
    if done.returncode:
        if "no such" in done.stderr.lower() or "not found" in done.stderr.lower():
            return None
        raise LabError(f"docker {kind} inspect {name} failed: {done.stderr.strip()}.")
    description: dict[str, Any] = json.loads(done.stdout)[0]
    return description


def names(kind: str, label: str) -> list[str]:
    """The containers, volumes or networks that carry the label."""
    command = ["container", "ls", "--all"] if kind == "container" else [kind, "ls"]
    column = "{{.Names}}" if kind == "container" else "{{.Name}}"
    return run(*command, "--filter", f"label={label}", "--format", column).split()


def build(context: Path, tag: str, log: Path, options: Sequence[str] = ()) -> None:
    """Build an image; everything the build says goes to the log."""
    proxies = [
        part
        for name in _PROXIES
        if (value := os.environ.get(name) or os.environ.get(name.upper()))
        for part in ("--build-arg", f"{name}={value}")
    ]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as stream:
        command = ["docker", "build", *proxies, *options, "-t", tag, str(context)]
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False, timeout=1800)
    if done.returncode:
        raise LabError(f"The image {tag} could not be built; the reason is at the end of {log}.")
