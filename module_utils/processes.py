# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs inside the container, seen from the machine in one pass over /proc.

The image has no `ps`, and `docker top` would start one process per reading. CPU is counted, not measured:
the percentage comes from the difference to the previous sample, so a reading never sleeps.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SCANNER = "scanner"
DEEP = "deep"
ANALYSER = "analyser"
MEDIA = "media"
SERVER = "server"
OTHER = "other"
KINDS = (SCANNER, DEEP, MEDIA, ANALYSER, SERVER)

# `Plex Media Scanner` does several jobs. Only these make it a scan; `--analyze-deeply` is the butler's.
SCAN_ACTIONS = frozenset({"--scan", "-s", "--refresh", "-r"})
DEEP_ACTION = "--analyze-deeply"
MEDIA_ACTIONS = frozenset({"--analyze", "-a"})


@dataclass(frozen=True)
class Process:
    """One process of the container."""

    pid: int
    parent: int
    kind: str
    cpu_ticks: int
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class ProcessCount:
    """How many processes of each kind, and the CPU seconds all of them have used since they started.

    server: the server's own process; another one later means that it ended and was started again.
    """

    kinds: dict[str, int]
    cpu_seconds: float
    server: int | None = None


def classify(arguments: t.Sequence[str]) -> str:
    """The kind of a process by its command line.

    The program is looked for among the first arguments: a program that is a script has its interpreter in
    front.
    """
    names = [PurePosixPath(argument).name for argument in arguments[:3]]
    if "Plex Music Analyzer" in names:
        return ANALYSER
    if "Plex Media Scanner" in names:
        if DEEP_ACTION in arguments:
            return DEEP
        if SCAN_ACTIONS.intersection(arguments):
            return SCANNER
        return MEDIA if MEDIA_ACTIONS.intersection(arguments) else OTHER
    if "Plex Media Server" in names:
        return SERVER
    return OTHER


def parse_cmdline(raw: bytes) -> tuple[str, ...]:
    """The arguments out of `/proc/<pid>/cmdline`."""
    return tuple(part.decode("utf-8", "replace") for part in raw.rstrip(b"\0").split(b"\0"))


def parse_stat(line: str) -> tuple[int, int]:
    """Parent and CPU ticks of a `/proc/<pid>/stat` line.

    The name may hold spaces and parentheses ("(Plex Media Scan)"), so fields count from the last parenthesis.
    Time of children that have ended is included: it would vanish from the sum otherwise.
    """
    fields = line.rpartition(")")[2].split()
    parent = int(fields[1])
    own_and_ended_children = [int(field) for field in fields[11:15]]
    return parent, sum(own_and_ended_children)


def inside_container(cgroup: str, identifier: str) -> bool:
    """Whether a `/proc/<pid>/cgroup` text names the container, in the spelling of cgroup v1 or v2."""
    return bool(identifier) and identifier in cgroup


def read_processes(identifier: str, first_pid: int, proc: Path = Path("/proc")) -> list[Process]:
    """All processes of the container: those its control group names and the descendants of its first one."""
    found: dict[int, Process] = {}
    members: set[int] = set()
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            arguments = parse_cmdline((entry / "cmdline").read_bytes())
            parent, ticks = parse_stat((entry / "stat").read_text(errors="replace"))
            cgroup = (entry / "cgroup").read_text(errors="replace")
        except (OSError, ValueError, IndexError):
            continue  # it ended while we read it
        pid = int(entry.name)
        found[pid] = Process(pid, parent, classify(arguments), ticks, arguments)
        if pid == first_pid or inside_container(cgroup, identifier):
            members.add(pid)
    members |= _descendants(found, members)
    return [found[pid] for pid in sorted(members)]


def _descendants(processes: t.Mapping[int, Process], roots: t.Collection[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    reached: set[int] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    return reached


def count(processes: t.Iterable[Process], ticks_per_second: int | None = None) -> ProcessCount:
    """Sum up one pass."""
    ticks_per_second = ticks_per_second or os.sysconf("SC_CLK_TCK")
    kinds = dict.fromkeys(KINDS, 0)
    ticks, server = 0, None
    for process in processes:
        ticks += process.cpu_ticks
        if process.kind == SERVER and server is None:
            server = process.pid
        if process.kind in kinds:
            kinds[process.kind] += 1
    return ProcessCount(kinds, round(ticks / ticks_per_second, 2), server)


def cpu_percent(before: float | None, after: float, seconds: float) -> float | None:
    """Percent of one core between two readings, None when it cannot be told.

    A sum that shrank means that a process ended without its parent, so the interval says nothing.
    """
    if before is None or seconds <= 0 or after < before:
        return None
    return round(100 * (after - before) / seconds, 1)
