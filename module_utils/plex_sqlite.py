# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What only Plex's own build of SQLite can judge: the order of ICU indexes and the full text indexes.

Private to this collection. The program lies in Plex's image as `/usr/lib/plexmediaserver/Plex SQLite`; it is run in a
container of its own, without network, with nothing but the directory of the databases. Where there is no Docker, no
such image or no such program in it, that is said, and stock SQLite's word stands alone.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .database_header import REPAIR
from .plex_db import BLOBS, LIBRARY, PlexDatabaseError, quoted, reading

PROGRAM = "/usr/lib/plexmediaserver/Plex SQLite"
INSIDE = "/databases"
# How docker says that it could not run what it was asked to: itself failed, not executable, not found.
_NOT_RUN = frozenset({125, 126, 127})
_FULL_TEXT = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%USING fts4%'"
# A table that no trigger feeds is a leftover whose damage says nothing: two of the four in a library of 1.32.8 are.
_FED = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%INSERT INTO%'"
_FEW = 5


class ProgramAbsentError(Exception):
    """Plex SQLite cannot be run here; the message says why, without a full stop."""


@dataclass
class PlexFindings:
    """What Plex's own SQLite says: state is ok, damaged or absent; why is given for absent.

    warnings are of full text indexes: searching suffers, no row does, and libraries that work well were seen to have
    them.
    """

    state: str = "ok"
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    why: str = ""


def command(directory: Path, image: str) -> list[str]:
    """Give the command that runs Plex SQLite on a directory as its owner; a database's path and SQL may follow."""
    owner = directory.stat()
    place = str(directory.absolute()).replace('"', '""')
    return [
        *("docker", "run", "--rm", "--interactive", "--network", "none", "--pull", "never"),
        *("--user", f"{owner.st_uid}:{owner.st_gid}", "--entrypoint", PROGRAM),
        *("--mount", f'type=bind,"source={place}",target={INSIDE}'),
        image,
    ]


def ask(
    directory: Path, image: str, name: str, script: str, *, timeout: float, output: IO[bytes] | None = None
) -> tuple[str, str]:
    """Run a script on a database of the directory; return what it printed and what it complained about.

    The answer goes to output if that is given. timeout is in seconds. Raises ProgramAbsentError.
    """
    try:
        done = subprocess.run(
            [*command(directory, image), f"{INSIDE}/{name}"],
            input=script.encode(),
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        raise ProgramAbsentError("there is no docker here") from error
    except subprocess.TimeoutExpired as error:
        raise ProgramAbsentError(f"it did not answer within {timeout:.0f} s") from error
    words = done.stderr.decode(errors="replace").strip()
    if done.returncode in _NOT_RUN:
        raise ProgramAbsentError(" ".join(words.split())[:200].rstrip("."))
    return (done.stdout or b"").decode(errors="replace"), words


def _script(path: Path) -> list[str]:
    """One statement per line, so that a complaint about a line names what it is about."""
    with reading(path) as connection:
        feeding = " ".join(sql for (sql,) in connection.execute(_FED))
        fed = set(re.findall(r"(?i)\bINSERT INTO\W+(\w+)", feeding))
        tables = [name for (name,) in connection.execute(_FULL_TEXT) if name in fed]
    lines = [f"PRAGMA integrity_check({_FEW});"]
    return lines + [f"INSERT INTO {quoted(name)}({quoted(name)}) VALUES('integrity-check');" for name in tables]


def _judge(path: Path, lines: list[str], said: str, complaints: str, findings: PlexFindings) -> None:
    found = [line for line in said.splitlines() if line.strip() not in {"", "ok"}][:_FEW]
    texts = []
    for complaint in complaints.splitlines():
        number = re.search(r"line (\d+)", complaint)
        statement = lines[int(number[1]) - 1] if number and int(number[1]) <= len(lines) else ""
        table = re.match(r'INSERT INTO "((?:[^"]|"")+)"', statement)
        if table:
            texts.append(table[1])
        elif complaint.strip():
            found.append(complaint.strip())
    if found:
        findings.problems.append(f"{path} is damaged, says Plex's own SQLite ({'; '.join(found)}). {REPAIR}")
    if texts:
        findings.warnings.append(
            f"{path.name}: the full text index {', '.join(texts)} is damaged, no row is lost: rebuild it at home with"
            f" Plex stopped (\"Plex SQLite\" and INSERT INTO {texts[0]}({texts[0]}) VALUES('rebuild'))."
        )


def full_check(directory: Path, image: str, timeout: float = 3600.0) -> PlexFindings:
    """Check both databases with Plex's own SQLite; changes nothing. timeout is in seconds per database."""
    findings = PlexFindings()
    for name in (LIBRARY, BLOBS):
        try:
            lines = _script(directory / name)
            said, complaints = ask(directory, image, name, "\n".join(lines) + "\n", timeout=timeout)
        except ProgramAbsentError as error:
            return PlexFindings("absent", why=str(error))
        except PlexDatabaseError as error:
            findings.problems.append(f"{error} {REPAIR}")
            continue
        _judge(directory / name, lines, said, complaints, findings)
    if findings.problems:
        findings.state = "damaged"
    return findings
