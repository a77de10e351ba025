# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard can see: every look at the mount itself is a child with a deadline.

A look costs little while all is well: one statfs a second, one cold read every few seconds. S3 is asked
directly, by rclone's own client and not through the mount, only when something is odd.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import time
import typing as t
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from . import bounded, rclone_rc
from .freezer import Container
from .guard_mount import Mount
from .mount_reading import become, find_files

BLOCK = 4096
_STATFS = ("/usr/bin/stat", "--file-system", "--printf=")
# Children that hang in the kernel; more of them would find out nothing new.
_MOST_STUCK = 8


@dataclass(frozen=True)
class Pace:
    """Deadlines and pauses of the probes, in seconds."""

    statfs_every: float = 1.0
    statfs_deadline: float = 3.0
    read_every: float = 5.0
    read_deadline: float = 40.0
    s3_deadline: float = 6.0
    s3_every: float = 3.0  # an outage may last for hours, and each question is a process of its own
    stalled_read: float = 1.5  # a stall of so long calls for a cold read at once


@dataclass
class Probes:
    """The probes that are under way, and what the last ones found."""

    mount: Mount
    container: Container
    pace: Pace
    remote: str
    rclone: Sequence[str]  # the program and its configuration
    socket: str
    inside: str  # the mount as the container names it
    files: Sequence[str] = ()  # known files, relative to the mount; else they are looked for
    chooser: random.Random = field(default_factory=random.SystemRandom)
    statfs_misses: int = 0
    read_failures: int = 0
    reads: int = 0
    s3: bool | None = None
    s3_why: str = ""
    s3_answered: float = 0.0
    bytes_moved: float = -1.0
    moved_at: float = 0.0
    last_read: float = 0.0
    last_statfs: float = 0.0
    running: dict[str, bounded.Child] = field(default_factory=dict)
    stuck: list[int] = field(default_factory=list)

    def root(self) -> str:
        """Where to look: as the container sees it, when there is one."""
        return self.container.path(self.inside) if self.container.alive() else self.mount.places.target

    def start(self, name: str, work: Callable[[], bounded.Answer], deadline: float) -> None:
        """Begin a probe unless the same is under way, or too many hang in the kernel."""
        if name not in self.running and len(self.stuck) < _MOST_STUCK:
            self.running[name] = bounded.Child(work, deadline, [*self.mount.handles(), *self.descriptors()])

    def descriptors(self) -> list[int]:
        """List what becomes readable when a probe has an answer."""
        return [child.descriptor for child in self.running.values()]

    def next_deadline(self) -> float:
        """Give the seconds until the first probe under way is late."""
        return max(0.01, min((child.deadline for child in self.running.values()), default=9e9) - time.monotonic())

    def collect(self) -> None:
        """Take in the answers that are there."""
        self.stuck = bounded.reap(self.stuck)
        for name, child in list(self.running.items()):
            answer = child.poll()
            if answer is not None:
                del self.running[name]
                if "timeout" in answer:
                    self.stuck.append(child.pid)
                self._take(name, answer)

    def _take(self, name: str, answer: bounded.Answer) -> None:
        good = not {"timeout", "error"} & set(answer)
        if name == "statfs":
            self.statfs_misses = 0 if good else self.statfs_misses + 1
        elif name == "s3":
            self.s3, self.s3_why = good, str(answer.get("error", "no answer in time"))
            self.s3_answered = time.monotonic()
        elif good and answer.get("bytes"):
            self.read_failures = 0
            self.reads += 1
        elif "error" in answer:
            # One that is merely late shows as a stall.
            self.read_failures += 1

    def look(self, now: float, *, reading: bool = True) -> None:
        """Begin the probes that are due; reading says whether a cold read is of any use."""
        root = self.root()
        if "statfs" not in self.running and now - self.last_statfs >= self.pace.statfs_every:
            self.last_statfs = now
            if len(self.stuck) < _MOST_STUCK:
                self.running["statfs"] = bounded.Program([*_STATFS, root], self.pace.statfs_deadline)
        due = now - self.last_read >= self.pace.read_every or self.stalled(now) >= self.pace.stalled_read
        if reading and due:
            self.read_now(now)

    def read_now(self, now: float) -> None:
        """Begin a cold read."""
        root, files, chooser = self.root(), self.files, self.chooser
        if "read" not in self.running:
            self.last_read = now
            self.start("read", lambda: _cold_read(root, files, chooser), self.pace.read_deadline)

    def ask_s3(self) -> None:
        """Ask S3 itself, unless its last answer is a moment old and still counts."""
        if self.s3 is not None and time.monotonic() - self.s3_answered < self.pace.s3_every:
            return
        command = [*self.rclone, "lsf", self.remote, "--max-depth=1", "--retries=1", "--low-level-retries=1"]
        if self.files:
            path = f"{self.remote.rstrip('/')}/{self.chooser.choice(self.files)}"
            # As many bytes as a cold read takes: a server that cuts its answers short is to blame, not the mount.
            command = [*self.rclone, "cat", path, f"--head={BLOCK}", "--retries=1", "--low-level-retries=1"]
        deadline = self.pace.s3_deadline
        command += [f"--contimeout={deadline:g}s", f"--timeout={deadline:g}s"]
        self.start("s3", lambda: _run(command, deadline), deadline + 0.5)

    def stalled(self, now: float) -> float:
        """For how long somebody has waited while no byte moved."""
        if not self.mount.waiting():
            self.moved_at = now
            return 0.0
        with suppress(rclone_rc.RcloneError, ValueError, KeyError):
            moved = float(rclone_rc.call(self.socket, "core/stats", timeout=0.5)["bytes"])
            if moved != self.bytes_moved:
                self.bytes_moved, self.moved_at = moved, now
        return now - self.moved_at

    def forget(self, *, keep_s3: bool = False) -> None:
        """Begin anew: with another generation, or when S3 is back and what is under way belongs to the outage."""
        for child in self.running.values():
            child.abandon()
            self.stuck.append(child.pid)
        self.running.clear()
        self.statfs_misses = self.read_failures = 0
        self.s3 = self.s3 if keep_s3 else None
        self.bytes_moved, self.moved_at = -1.0, time.monotonic()

    def fingerprints(self, wanted: int, deadline: float, among: Sequence[str] = ()) -> bounded.Answer:
        """Read the beginning of some files as the container sees them: `{path: digest}`, or an error.

        They are drawn from `among`, or from all known files.
        """
        root, known = self.root(), list(among or self.files)
        files = self.chooser.sample(known, min(wanted, len(known)))
        return bounded.run(lambda: _digests(root, files), deadline, [*self.mount.handles(), *self.descriptors()])


def _cold_read(root: str, files: Sequence[str], chooser: random.Random) -> bounded.Answer:
    """Read a block at a random place past the kernel's cache."""
    path = f"{root}/{chooser.choice(files)}" if files else next(iter(find_files(root, 1, chooser)), root)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    size = os.fstat(descriptor).st_size
    return {"bytes": len(os.pread(descriptor, BLOCK, chooser.randrange(max(1, size - BLOCK))))}


def _digests(root: str, files: Sequence[str]) -> bounded.Answer:
    # The way through /proc is root's; below it, the rights of Plex count.
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
    become(1000, 1000)
    found: dict[str, t.Any] = {}
    for name in files:
        descriptor = os.open(name, os.O_RDONLY, dir_fd=directory)
        found[name] = hashlib.sha256(os.read(descriptor, BLOCK)).hexdigest()
        os.close(descriptor)
    return found


def _run(command: Sequence[str], deadline: float) -> bounded.Answer:
    # What it prints are bytes of a film, and no text; only its complaint is one.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline, check=False)
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
    return {"error": said[-1]} if done.returncode else {}
