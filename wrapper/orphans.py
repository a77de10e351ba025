# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find and end what a canceled playbook leaves behind.

Canceling kills ansible-playbook itself, but its workers live in sessions of their own and go on with their
task: one that is creating a server would race with the teardown that follows. Every process of a run carries
the run id in its environment, so they can be found whoever their parent has become.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

MARKER = "PLEX_BURST_RUN_ID"
GRACE_SECONDS = 0.5
LIMIT_SECONDS = 5.0


def reap(run_id: str, proc: Path = Path("/proc")) -> list[int]:
    """End every process of the run, politely and then not, and return those that survived both."""
    asked: set[int] = set()
    start = time.monotonic()
    while alive := find(run_id, proc):
        elapsed = time.monotonic() - start
        if elapsed > LIMIT_SECONDS:
            break
        for pid in alive:
            if elapsed > GRACE_SECONDS:
                _send(pid, signal.SIGKILL)
            elif pid not in asked:
                asked.add(pid)
                _send(pid, signal.SIGTERM)
        # Somebody else's children tell nobody here that they are gone: looking again is the only way.
        time.sleep(0.02)
    return sorted(alive)


def find(run_id: str, proc: Path = Path("/proc")) -> set[int]:
    """The processes of the run: marked ones and all their descendants, never this process."""
    marked: set[int] = set()
    parents: dict[int, int] = {}
    wanted = f"{MARKER}={run_id}".encode()
    # Other systems than Linux show no environments: there, nothing is found.
    for directory in proc.iterdir() if proc.is_dir() else ():
        if not directory.name.isdecimal():
            continue
        pid = int(directory.name)
        try:
            parent = _parent((directory / "stat").read_bytes())
            if parent is not None:
                parents[pid] = parent
            if wanted in (directory / "environ").read_bytes().split(b"\0"):
                marked.add(pid)
        except OSError:
            # Gone since the listing, or another user's: not ours to end.
            continue
    return with_descendants(marked, parents) & set(parents) - {os.getpid()}


def with_descendants(roots: Iterable[int], parents: Mapping[int, int]) -> set[int]:
    """The roots and everything below them, given each process's parent."""
    found = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parent(stat: bytes) -> int | None:
    """Parent of the process described by /proc/PID/stat; None for a zombie, which is over already."""
    state, parent = stat.rpartition(b")")[2].split()[:2]
    return None if state in {b"Z", b"X"} else int(parent)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return
