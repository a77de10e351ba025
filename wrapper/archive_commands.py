# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The commands that need an archive and nothing else; what they do is in verify.py and repair.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

ARCHIVE_COMMANDS = frozenset({"verify", "repair"})


def archive_commands(commands: Any) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The commands that check an archive, and make a sound library out of a damaged one."""
    return _verify(commands), _repair(commands)


def perform(asked: argparse.Namespace) -> int:
    """Do what was asked for; each command imports its own machinery."""
    if asked.command == "repair":
        from wrapper.repair import repair_archive

        return repair_archive(asked.archive, asked.into, accept_loss=asked.accept_loss, as_json=asked.json)
    from wrapper.verify import verify

    return verify(asked.archive, asked.scratch, asked.plex_version, as_json=asked.json)


def _verify(commands: Any) -> argparse.ArgumentParser:
    verify: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="check an archive of a library",
        description=(
            "Check an archive of a library in full, on this machine: both databases, what they hold, and the checksums "
            "of the run that brought it home if they lie beside it. Exit code 1 when it is not whole."
        ),
    )
    add = verify.add_argument
    add("archive", type=Path, metavar="ARCHIVE", help="a .tar.gz, .tar, .tar.zst, .zip or a directory")
    add("--plex-version", default="", metavar="V", help="also say whether this Plex may work on it")
    add("--scratch", type=Path, metavar="PATH", help="where to unpack it (default: as the system says)")
    return verify


def _repair(commands: Any) -> argparse.ArgumentParser:
    repair: argparse.ArgumentParser = commands.add_parser(
        "repair",
        help="salvage a damaged library",
        description=(
            "Read every row that can still be read of a damaged library into new databases, on this machine. The "
            "archive stays as it is. Refused, with exit code 1, when rows of the library would be lost."
        ),
    )
    add = repair.add_argument
    add("archive", type=Path, metavar="ARCHIVE", help="a .tar.gz, .tar, .tar.zst, .zip or a directory")
    add("--into", type=Path, required=True, metavar="DIRECTORY", help="new directory for the databases")
    add("--accept-loss", action="store_true", help="go on although rows of the library are lost; says which")
    return repair
