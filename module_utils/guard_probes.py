# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard can see: every look at the mount itself is a child with a deadline.

A look costs little while all is well: one statfs a second, one cold read every few seconds. S3 is asked
directly, by rclone's own client and not through the mount, only when something is odd.

A little longer than other files: every question of the guard is in one place.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from . import bounded, guard_reads, listing, mount_times, rclone_rc
from .freezer import Container
from .guard_files import KnownFiles
from .guard_mount import Mount

_STATFS = ("/usr/bin/stat", "--file-system", "--printf=")
# Children that hang in the kernel; more of them would find out nothing new.
_MOST_STUCK = 8
# Probes that read what known files begin with: the proof after a repair, and what proofs are compared with.
PROOF, KNOWN = "proof", "known"
# What has the listing of a generation filled.
LISTING = "listing"
# What fetches the times of a generation's files, and the seconds that it may take: half a million need some minutes.
TIMES, LONGEST_WALK = "times", 1800.0
# What asks Docker, and what tells it: they are not about the mount, and go on when its generation goes.
ASK_DOCKER, TELL_DOCKER = "container", "docker"


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
    files: KnownFiles = field(default_factory=KnownFiles)
    reading: str = ""  # the file of the cold read that is under way
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
    digests: dict[str, bounded.Answer] = field(default_factory=dict)  # answers that nobody has taken yet
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
        why = bounded.failure(answer)
        if name == "statfs":
            self.statfs_misses = self.statfs_misses + 1 if why else 0
        elif name in (PROOF, KNOWN, TIMES):
            self.digests[name] = answer
        elif name == ASK_DOCKER:
            self.container.learn(answer)
        elif name == "s3":
            self._hear_s3(why, late="timeout" in answer)
        elif name == "read" and not why and answer.get("bytes"):
            self.read_failures = 0
            self.reads += 1
            self.files.good.add(self.reading)
        elif name == "read" and "error" in answer:
            # One that is merely late shows as a stall. What S3 said before, it did not say of this file.
            self.read_failures += 1
            self.files.failed, self.s3 = self.reading, None

    def _hear_s3(self, why: str, *, late: bool) -> None:
        unreadable = len(self.files.left_out)
        self.s3, self.s3_why = self.files.gave_not(late) if why else self.files.gave(), why
        self.s3_answered = time.monotonic()
        if len(self.files.left_out) > unreadable:
            # The failure was the file's own; another one's counts.
            self.read_failures = min(self.read_failures, int(bool(self.files.failed)))

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
        if "read" not in self.running:
            self.last_read, self.reading = now, self.files.draw(self.chooser)
            root, name, chooser = self.root(), self.reading, self.chooser
            self.start("read", lambda: guard_reads.cold_read(root, name, chooser), self.pace.read_deadline)

    def fill_listing(self, deadline: float) -> None:
        """Have the listing of this generation filled, and wait for it in a child; rclone goes on when that dies."""
        socket = self.socket
        self.start(LISTING, lambda: {"finished": listing.wait_for(socket, deadline)}, deadline + 1)

    def fetch_times(self) -> None:
        """Begin to ask for the time of each file of this generation; rclone keeps the answers."""
        root, note = self.mount.places.target, mount_times.note_of(self.socket)
        self.start(TIMES, lambda: mount_times.fetch(root, note), LONGEST_WALK)

    def ask_s3(self) -> None:
        """Ask S3 itself, unless its last answer is a moment old and still counts."""
        still_counts = self.s3 is not None and time.monotonic() - self.s3_answered < self.pace.s3_every
        if still_counts or "s3" in self.running:
            return
        command = [*self.rclone, "lsf", self.remote, "--max-depth=1", "--retries=1", "--low-level-retries=1"]
        name = self.files.ask(self.chooser)
        if name:
            path = f"{self.remote.rstrip('/')}/{name}"
            # As many bytes as a cold read takes: a server that cuts its answers short is to blame, not the mount.
            command = [*self.rclone, "cat", path, f"--head={guard_reads.BLOCK}", "--retries=1", "--low-level-retries=1"]
        deadline = self.pace.s3_deadline
        command += [f"--contimeout={deadline:g}s", f"--timeout={deadline:g}s"]
        self.start("s3", lambda: guard_reads.run(command, deadline, wanted=bool(name)), deadline + 0.5)

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
        for name in [name for name in self.running if name not in (ASK_DOCKER, TELL_DOCKER)]:
            child = self.running.pop(name)
            child.abandon()
            self.stuck.append(child.pid)
        self.digests.clear()
        self.files.failed = self.files.refused = ""
        self.statfs_misses = self.read_failures = 0
        self.s3 = self.s3 if keep_s3 else None
        self.bytes_moved, self.moved_at = -1.0, time.monotonic()

    def underway(self, name: str) -> float:
        """For how many seconds a probe has been under way; 0 when it is not."""
        return time.monotonic() - self.running[name].started if name in self.running else 0.0

    def fingerprint(
        self,
        name: str,
        wanted: int,
        deadline: float,
        among: Sequence[str] = (),
    ) -> None:
        """Begin to read the beginning of some files as the container sees them: `{path: digest}`, or an error.

        They are drawn from `among`, all of which have to be readable, or from all known files, some of which have to.
        """
        root, known, tolerant = self.root(), list(among or self.files.names), not among
        files = self.chooser.sample(known, min(wanted, len(known)))
        self.start(name, lambda: guard_reads.digests(root, files, tolerant=tolerant), deadline)
