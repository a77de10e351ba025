# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the server's own logs say of a scan: how its scanners ended, and whether a database gave up on the way.

A scanner that ends on a locked or full database leaves a server that is as quiet as after a good scan. Only what was
written since the sample before is read, so a sample costs what the server wrote meanwhile. The words of a busy
database are on public record; the line of a job's end is not, so both its known spellings are understood, and where
none is found nothing is concluded.
"""

from __future__ import annotations

import os
import re
import typing as t
from itertools import pairwise
from pathlib import Path

from .processes import SCAN_ACTIONS

# Where in a file the reading stopped: its inode and the offset, by the name of the file.
Positions = dict[str, list[int]]

LOGS = ("Plex Media Server.log", "Plex Media Scanner.log")
# So many new bytes of one file at most: a server that writes more between two samples has its latest words read.
LONGEST = 8_000_000

_END = re.compile(
    rb"Plex Media Scanner\b(?P<arguments>[^\n]*?)(?:exited with code|exit code for process \d+ is) (?P<code>-?\d+)"
)
_DATABASE = re.compile(
    rb"Waited over \d+ seconds for a busy database; giving up"
    rb"|database disk image is malformed|database or disk is full|disk I/O error"
)


def read_on(directory: Path, before: Positions | None, section: int) -> dict[str, t.Any]:
    """What belongs into the next sample of a section's scan.

    `logs`: the positions to go on from. `scanner_exits`: the exit codes of its scanners in order, of one that a
    signal killed negative. `database_errors`: the words of each error once. The last two only where there are any;
    without `before` nothing is read.
    """
    positions: Positions = {}
    exits: list[int] = []
    errors: list[str] = []
    for name in LOGS:
        text, position = _since(directory / name, (before or {}).get(name), read=before is not None)
        if position:
            positions[name] = position
        exits += [int(end["code"]) for end in _END.finditer(text) if _of_scan(end["arguments"].decode(), section)]
        errors += [found.group().decode() for found in _DATABASE.finditer(text)]
    facts: dict[str, t.Any] = {"logs": positions}
    if exits:
        facts["scanner_exits"] = exits
    if errors:
        facts["database_errors"] = sorted(set(errors))
    return facts


def _of_scan(arguments: str, section: int) -> bool:
    """Whether a scanner with these arguments scanned the section; one whose arguments are not told may have."""
    words = arguments.replace("'", " ").split()
    if not any(word.startswith("-") for word in words):
        return True
    sections = [after for word, after in pairwise(words) if word in ("--section", "-c")]
    return bool(SCAN_ACTIONS.intersection(words)) and sections in ([], [str(section)])


def _since(path: Path, before: list[int] | None, *, read: bool) -> tuple[bytes, list[int] | None]:
    """The whole lines written since a position, also when the file was put aside meanwhile, and the new position."""
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if not read:
                return b"", [status.st_ino, status.st_size]
            same = before is not None and before[0] == status.st_ino and before[1] <= status.st_size
            start = max(before[1] if same and before else 0, status.st_size - LONGEST)
            stream.seek(start)
            text = stream.read(status.st_size - start)
    except OSError:
        return b"", before
    whole = text.rfind(b"\n") + 1
    older = b"" if same or before is None else _put_aside(path, before)
    return older + text[:whole], [status.st_ino, start + whole]


def _put_aside(path: Path, before: list[int]) -> bytes:
    """The rest of the file that the position was in: the server numbers full logs and begins a new one."""
    try:
        with path.with_name(f"{path.stem}.1{path.suffix}").open("rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_ino != before[0]:
                return b""
            stream.seek(max(before[1], status.st_size - LONGEST))
            return stream.read()
    except OSError:
        return b""
