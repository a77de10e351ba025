"""Processes that look like the real ones: ``ps`` shows the real server's programs and arguments.

A program starts as ``python3 -m plexsim <padding>``, padded to the length its real command line has, and
then writes the real one over it, as setproctitle does. What it is to be comes in the environment.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HOME = "/usr/lib/plexmediaserver"
SERVER = f"{HOME}/Plex Media Server"
SCANNER = f"{HOME}/Plex Media Scanner"
ANALYSER = f"{HOME}/Plex Music Analyzer"
_ARGUMENTS = "PLEXSIM_ARGUMENTS"
_PACKAGE = __name__.rpartition(".")[0]


def _command_line(arguments: list[str]) -> bytes:
    return b"".join(os.fsencode(argument) + b"\0" for argument in arguments)


def disguise(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Give the command that starts a program, and the environment that tells it what it is."""
    start = ["python3", "-m", _PACKAGE]
    room = len(_command_line(arguments)) - len(_command_line(start)) - 1
    return [*start, "-" * max(room, 0)], {_ARGUMENTS: json.dumps(arguments)}


def start(
    arguments: list[str], environment: Mapping[str, str] | None = None, user: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a program under its real name, as a user if asked."""
    command, told = disguise(arguments)
    return subprocess.Popen(
        command,
        executable=sys.executable,
        env={**os.environ, **(environment or {}), **told},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        stdin=subprocess.DEVNULL,
    )


def become() -> list[str]:
    """Take the real name in this process; give the arguments."""
    arguments: list[str] = json.loads(os.environ[_ARGUMENTS])
    wanted = _command_line(arguments)
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    first, last = int(fields[45]), int(fields[46])  # arg_start, arg_end: fields 48 and 49 of proc(5)
    if last - first >= len(wanted):
        ctypes.memmove(first, wanted.ljust(last - first, b"\0"), last - first)
    Path("/proc/self/comm").write_text(Path(arguments[0]).name[:15])
    return arguments


def shown(arguments: list[str]) -> str:
    """Give a command line as a log shows it."""
    return " ".join(f'"{argument}"' if " " in argument else argument for argument in arguments)
