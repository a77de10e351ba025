# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a generation has to show before Plex sees it: its listing, the times of its files, the bytes of some."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from . import bounded, listing
from .guard_actions import Actions
from .guard_probes import KNOWN, LISTING, PROOF, TIMES

# Seconds in which a new generation has to have its listing; half a million files take about 70.
LONGEST_LISTING = 900.0


@dataclass
class Proving(Actions):
    """The proof after a repair, one look after the other."""

    proved: bool | None = None
    begun_at: float = 0.0  # when another generation was begun because of the times of the one before
    unready_at: float = 0.0  # when the generation that is proved was last seen without its listing or its times
    again_at: float = 0.0  # when the next generation is to ask for the times
    doubted_at: float = 0.0  # since when S3 has been asked whether it is to blame for missing times
    known: dict[str, str] = field(default_factory=dict)

    def prove(self) -> None:
        """The next generation holds when it is on top, listed, dated, and shows the same bytes through the container.

        The guard goes on looking meanwhile: a generation may die or hang while it is proved.
        """
        now = time.monotonic()
        left = max(self._begun(), self.unready_at) + self.prove_deadline - now
        if left <= 0:
            self.mount.restart(held=bool(self.mount.pid))
            self._judge_proof({"error": "the next generation did not come up in time"})
        elif not self.mount.alive() or not self.mount.covered() or self.docker.ended:
            # An answer that is there already, or what was to be done for it, is about a generation that is not.
            self.again_at = self.doubted_at = 0.0
            if (self.probes.running.keys() | self.probes.digests.keys()) & {LISTING, TIMES, PROOF}:
                self.probes.forget()
            self._put_back()
        elif not listing.is_complete(self.probes.socket):
            self.unready_at = now
            self._list()
        elif self.mount.shows_stored_times() and self.times.shown_by != self.mount.pid:
            self.unready_at = now
            self._date()
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

    def _begun(self) -> float:
        """When the generation that is proved was begun, by a repair or for the sake of its times."""
        return max(self.mind.since, self.begun_at)

    def _list(self) -> None:
        """Have the generation listed before Plex sees it.

        When S3 says that there is no such bucket, a directory that rclone has not listed yet is an empty one, and stays
        so; one that it has listed is as it was.
        """
        if time.monotonic() - self._begun() > LONGEST_LISTING:
            self._judge_proof({"error": "the bucket could not be listed in time"})
        elif LISTING not in self.probes.running:
            # As for the proof: what the probes saw was of the old generation.
            self.probes.forget()
            self.probes.fill_listing(self.prove_deadline)

    def _date(self) -> None:
        """Have the times that the uploader stored fetched before Plex sees the generation.

        Where S3 tells none just then, rclone shows that of the question for as long as the generation lives, and Plex
        would take the file for changed; so another generation asks again. A file that none can date is nobody's fault.
        """
        now = time.monotonic()
        if self.again_at:
            if now >= self.again_at:
                self._begin_another()
            return
        if TIMES not in self.probes.digests:
            if TIMES not in self.probes.running:
                # As for the proof: what the probes saw was of the old generation.
                self.probes.forget()
                self.probes.fetch_times()
            return
        found = self.probes.digests[TIMES]
        missing = found.get("undated", 0) + found.get("failed", 0)
        if missing and not self.probes.s3:
            # Who may not ask for a time may not read either; is it these files, or all of S3?
            self.doubted_at = self.doubted_at or now
            self.probes.ask_s3()
            return
        del self.probes.digests[TIMES]
        self.doubted_at = 0.0
        if self.times.worth_another(missing, found.get("files", 0)):
            self.event("times", missing=missing, reason="S3 did not tell them; the next generation asks again")
            self.again_at = now + self.times.pause()
            return
        self.times.shown_by = self.mount.pid
        if why := bounded.failure(found):
            self.event("times", reason=why)
        else:
            self.event("times", files=found["files"], missing=missing, seconds=found["seconds"])

    def _begin_another(self) -> None:
        self.event("repair", cause="the times of files are missing", by="a new generation")
        self.window["broken"] = True
        self.again_at, self.begun_at = 0.0, time.monotonic()
        self.mount.replace()
        self.probes.forget()

    def proving(self) -> float:
        """For how many seconds the answer that the proof waits for has been waited for."""
        doubted = time.monotonic() - self.doubted_at if self.doubted_at else 0.0
        return max(doubted, *(self.probes.underway(name) for name in (LISTING, TIMES, PROOF)))

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
