# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of `wrapper verify`; what it does is in verify.py."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def verify_command(commands: Any) -> argparse.ArgumentParser:
    """The command that checks an archive and needs nothing but it."""
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
