# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard does: freezes Plex, repairs the mount, proves it, lets Plex go on. See docs/mount.md.

A little longer than other files: every action that the judgement may ask for is in one place.
"""

from __future__ import annotations

import json
import time
import typing as t
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import bounded, listing
from . import guard_states as states
from .files import append_whole, write_json
from .freezer import Container
from .guard_cache import Cache
from .guard_docker import Agreement
from .guard_mount import Mount
from .guard_probes import KNOWN, LISTING, PROOF, Probes

# Calls that waited for so long may have got an error; rclone's own retries last for about 220 s.
ERROR_BUDGET = 150.0
# Seconds in which a new generation has to have its listing; half a million files take about 70.
LONGEST_LISTING = 900.0
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
    proved: bool | None = None
    unlisted_at: float = 0.0  # when the generation that is proved was last seen without its listing
    known: dict[str, str] = field(default_factory=dict)
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
        status = {**asdict(self.mind), "window": self.window, "pid": self.mount.pid}
        status["ended"] = self.docker.ended
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

    def prove(self) -> None:
        """The next generation holds when it is on top, listed, and shows the same bytes through the container.

        The guard goes on looking meanwhile: a generation may die or hang while it is proved.
        """
        now = time.monotonic()
        left = max(self.mind.since, self.unlisted_at) + self.prove_deadline - now
        if left <= 0:
            self.mount.restart(held=bool(self.mount.pid))
            self._judge_proof({"error": "the next generation did not come up in time"})
        elif not self.mount.alive() or not self.mount.covered() or self.docker.ended:
            if self.probes.running.keys() & {LISTING, PROOF}:
                self.probes.forget()
            self._put_back()
        elif not listing.is_complete(self.probes.socket):
            self.unlisted_at = now
            self._list()
        elif PROOF in self.probes.digests:
            self._judge_proof(self.probes.digests.pop(PROOF))
        elif PROOF not in self.probes.running:
            if self.container.alive() and not self.mount.reaches(self.container.pid):
                self._restart_container()
            if self.docker.ended:
                return
            # What the probes saw of the old generation says nothing of this one.
            self.probes.forget()
            self.probes.fingerprint(PROOF, 3, left, tuple(self.known))

    def _list(self) -> None:
        """Have the generation listed before Plex sees it.

        When S3 says that there is no such bucket, a directory that rclone has not listed yet is an empty one, and stays
        so; one that it has listed is as it was.
        """
        if time.monotonic() - self.mind.since > LONGEST_LISTING:
            self._judge_proof({"error": "the bucket could not be listed in time"})
        elif LISTING not in self.probes.running:
            # As for the proof: what the probes saw was of the old generation.
            self.probes.forget()
            self.probes.fill_listing(self.prove_deadline)

    def _put_back(self) -> None:
        """A generation that came up and was then taken away by hand comes back, or the one after it."""
        mount = self.mount
        if not mount.alive() or mount.covered() or not mount.settled():
            return
        try:
            mount.cover()
        except OSError:
            mount.replace()
        else:
            self.event("covered again", reason="it was taken away before it was proved")

    def _judge_proof(self, found: dict[str, t.Any]) -> None:
        failed = bounded.failure(found)
        wrong = [] if failed else [name for name, digest in found.items() if self.known.get(name, digest) != digest]
        if not failed:
            # What brought no bytes says nothing of them.
            self.cache.wrong = bool(wrong)
        self.proved = not failed and not wrong and bool(found or not self.probes.files.names)
        self.probes.forget()
        self.event("proved" if self.proved else "not proved", reason=failed or ", ".join(wrong))

    def know(self) -> None:
        """Learn what some files begin with while all is well, for the proof after a repair."""
        found = self.probes.digests.pop(KNOWN, {})
        if found and not bounded.failure(found):
            self.known = found

    def _restart_container(self) -> None:
        """A bind that no remount reaches is renewed only by a restart."""
        workers = self.container.workers(self.worker_names)
        if self._would_empty(workers):
            self._start_over()
            return
        self.event("container restarted", reason="the remount does not reach it")
        self.container.end(workers)
        self.docker.restart_gracefully()

    def give_up(self) -> None:
        """Plex stays frozen; the run and its owner are told, as soon as the disk has room for it."""
        self.event("given up", reason=self.mind.cause)
        self.write_status()
