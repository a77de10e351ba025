# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard does: freezes Plex, repairs the mount, lets Plex go on; guard_proof is between. See docs/mount.md."""

from __future__ import annotations

import json
import time
import typing as t
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import guard_states as states
from . import listing
from .files import append_whole, write_json
from .freezer import Container
from .guard_cache import Cache
from .guard_docker import Agreement
from .guard_mount import Mount
from .guard_probes import Probes
from .guard_times import Times

# Calls that waited for so long may have got an error; rclone's own retries last for about 220 s.
ERROR_BUDGET = 150.0
# Lines of the log that are kept while the disk is full.
MOST_UNWRITTEN = 1000


@dataclass
class Actions:
    """Each action of the judgement is a method of its name."""

    directory: Path
    mount: Mount
    container: Container
    probes: Probes
    patience: states.Patience
    worker_names: t.Sequence[str]
    prove_deadline: float
    docker: Agreement
    cache: Cache = field(default_factory=Cache)
    mind: states.Mind = field(default_factory=states.Mind)
    times: Times = field(default_factory=Times)
    met: bool = False  # Plex has been there, under this guard or one before it
    window: dict[str, t.Any] = field(default_factory=dict)
    frozen_at: float = 0.0  # by the clock that never goes back; 0 when a guard before this one froze Plex
    unwritten: list[dict[str, t.Any]] = field(default_factory=list)
    written: dict[str, t.Any] = field(default_factory=dict)

    @property
    def given_up(self) -> Path:
        """Where the phase under way and the machine's switch look whether the mount is lost."""
        return self.directory / "given_up.json"

    def event(self, kind: str, **facts: t.Any) -> None:
        """Write a line of the log; on a full disk it waits for room, because Plex must be frozen all the same."""
        line = {"at": round(time.time(), 3), "event": kind, "state": self.mind.state, **facts}
        self.unwritten = [*self.unwritten, line][-MOST_UNWRITTEN:]
        self.write_events()

    def write_events(self) -> None:
        """Write what has not been written yet."""
        lines = "".join(json.dumps(line) + "\n" for line in self.unwritten)
        if append_whole(self.directory / "events.jsonl", lines.encode()):
            self.unwritten = []

    def write_status(self) -> None:
        """Write what is so now, if it is something else than before."""
        status = {**asdict(self.mind), "window": self.window, "pid": self.mount.pid, "began": self.mount.began}
        status |= {"ended": self.docker.ended, "met": self.met, "untold": self.times.untold}
        status |= {"container": self.container.pid, "freezer": self._freezer()}
        if self.mind.state == states.GIVEN_UP and not self.given_up.exists():
            with suppress(OSError):
                write_json(self.given_up, {"at": time.time(), "reason": self.mind.cause})
        if self.unwritten:
            self.write_events()
        if status != self.written:
            # A full disk is no reason to leave Plex alone; the next turn tries again.
            with suppress(OSError):
                write_json(self.directory / "status.json", {**status, "written_at": time.time()})
                self.written = status

    def _freezer(self) -> str:
        """Name what stops the container, by which the next guard knows it again without Docker."""
        if self.container.alive():
            with suppress(OSError):
                return str(self.container.order(frozen=True)[0])
        return ""

    def listed(self) -> bool:
        """Whether the listing of this generation is there."""
        if self.mind.state != states.PREWARM or listing.is_complete(self.probes.socket):
            return True
        self.probes.fill_listing(self.prove_deadline)
        return False

    def ask_s3(self) -> None:
        """Ask S3 itself; the answer is in a later look."""
        self.probes.ask_s3()

    def freeze(self) -> None:
        """Stop Plex, now; note what was running, because it may have seen errors."""
        started = time.monotonic()
        workers = self.container.workers(self.worker_names)
        waiting = self.mount.waiting()
        exposed = self.mind.state == states.DEAD and (self.mount.aborted() or not self.mount.covered())
        alive = self.container.alive()
        if alive:
            with suppress(OSError):
                self.container.freeze()
        self.frozen_at = started
        self.window = {
            "from": time.time(),
            "workers": len(workers),
            "waiting": waiting,
            "broken": False,
            "exposed": exposed,
        }
        took = round(1000 * (time.monotonic() - started), 1)
        # Before Plex is there, a remount is nobody's standstill; one that comes up meanwhile is held.
        kind = "frozen" if alive else "nothing to freeze"
        self.event(kind, cause=self.mind.cause, workers=len(workers), waiting=waiting, milliseconds=took)

    def thaw(self) -> None:
        """Let Plex go on; workers whose calls were failed end first, so that they act on nothing they saw."""
        wall = time.time() - self.window.get("from", time.time())
        lasted = time.monotonic() - self.frozen_at if self.frozen_at else wall
        tainted = self.window.get("broken") or (self.window.get("waiting") and lasted > ERROR_BUDGET)
        workers = self.container.workers(self.worker_names) if tainted else []
        if self._would_empty(workers):
            self._start_over()
        else:
            self.container.end(workers)
            self.mount.let_left_go()
            self.container.thaw()
        self.probes.moved_at = time.monotonic()
        self.window |= {"to": time.time(), "workers_ended": len(workers)}
        self.event("thawed", seconds=round(lasted, 3), workers_ended=len(workers))

    def _would_empty(self, workers: t.Sequence[int]) -> bool:
        """Whether a scanner was told errors, and Plex removes what it marked as soon as that scanner has ended."""
        return bool(workers and self.window.get("exposed")) and self.container.empties_trash()

    def _start_over(self) -> None:
        """The server ends together with its scanners, and comes up anew, with a trash that it keeps.

        An ordinary scan passes over folders that are as they were; what is marked in them would be emptied after it.
        """
        self.event("container restarted", reason="the scanner saw errors and Plex empties its trash by itself")
        with suppress(OSError):
            self.container.keep_trash()
        self.docker.ended = self.container.pid
        # The guard after this one has to start it, should this one be killed now.
        self.write_status()
        self.container.end(self.container.workers(()))
        self.mount.let_left_go()
        self.container.thaw()

    def repair(self) -> None:
        """Make the present generation give way to the next, or only cover the target again."""
        self.window["broken"] = True
        cause = self.mind.cause
        mount = self.mount
        only_covered = mount.alive() and mount.aside() and not self.probes.statfs_misses and not mount.covered()
        self.event("repair", cause=cause, by="covering" if only_covered else "a new generation")
        if only_covered:
            self._cover_again()
        else:
            if why := self.cache.blame():
                self._wipe_cache(why)
            mount.replace()
        self.probes.forget()

    def _wipe_cache(self, why: str) -> None:
        """Begin without the cache; deleting it takes its time, beside the repair."""
        try:
            self.probes.stuck += self.cache.wipe()
        except OSError as error:
            why = f"{why}, but it cannot be wiped: {error}"
        self.event("cache wiped", reason=why)

    def _cover_again(self) -> None:
        if not self.mount.settled():
            # It has only just come up, and its unit is about to do the same; the proof puts back what is missing then.
            return
        try:
            self.mount.cover()
        except OSError as error:
            self.event("not covered", reason=str(error))

    def give_up(self) -> None:
        """Plex stays frozen; the run and its owner are told, as soon as the disk has room for it."""
        self.event("given up", reason=self.mind.cause)
        self.write_status()
