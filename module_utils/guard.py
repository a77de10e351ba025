# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard of the mount: looks, judges, freezes Plex, repairs, proves, lets Plex go on.

Runs on the target as a service: `python3 -m plex_burst_guard.guard CONFIG`. Its log is one JSON object a line
(`events.jsonl`); what it thinks now is in `status.json`. See docs/mount.md. A little longer than other files: how it is
built and how it ends belong beside its one loop.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import typing as t
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from . import fd_store, fuse_connections
from . import guard_states as states
from .freezer import Container
from .guard_cache import Cache
from .guard_docker import Agreement
from .guard_files import KnownFiles
from .guard_mount import Mount, Places, systemctl
from .guard_probes import KNOWN, Pace, Probes
from .guard_proof import Proving
from .mount_layers import MOUNTINFO

TICK = 1.0
AWAY = (states.S3_DOWN, states.GIVEN_UP)


@dataclass
class Guard(Proving):
    """The service: looks and judges; what `guard_states.step` asks for is in Actions and Proving."""

    ending: bool = False
    note: Path | None = None  # where the unit finds how to stop Plex
    noted: int = 0  # the container's first process that the note is about

    def signs(self, now: float) -> states.Signs:
        """Take in one look at everything."""
        probes = self.probes
        return states.Signs(
            at=now,
            process=self.mount.alive() and not self.mount.aborted(),
            covered=self.mount.covered(),
            statfs_misses=probes.statfs_misses,
            stalled=probes.stalled(now),
            read_failures=probes.read_failures,
            reads=probes.reads,
            s3=probes.s3,
            listed=self.listed(),
            proved=self.proved,
            proving=self.proving(),
        )

    def turn(self) -> None:
        """Look, judge and act until nothing changes any more."""
        now = time.monotonic()
        self.docker.ask(now)
        if not self.mount.alive() and self.mind.state in (states.STARTING, states.REPAIRING):
            self.mount.follow()
        self.probes.collect()
        self.tell_left_out()
        self._leave_word()
        self.know()
        # While S3 is away the mount is not asked: its reads would wait for hours, one child after the other.
        self.probes.look(now, reading=self.mind.state not in AWAY)
        for _ in range(10):
            before = self.mind
            self.mind, actions = states.step(before, self.signs(time.monotonic()), self.patience)
            if self.mind.state != before.state:
                self._changed(before)
            for action in actions:
                getattr(self, action)()
            if self.mind.state == before.state:
                break
        if self.mind.frozen and self.mind.state not in AWAY:
            self.probes.read_now(now)
        if self.docker.hold(self.mind.frozen):
            self.event("held", frozen=self.mind.frozen)
        self.docker.agree(self.mind.frozen)
        self.met = self.met or self.container.alive()
        self.write_status()

    def _changed(self, before: states.Mind) -> None:
        self.event("state", before=before.state, cause=self.mind.cause)
        if before.state == states.S3_DOWN:
            self.probes.forget(keep_s3=True)
            self.times.s3_was_away = True
        elif self.mind.state == states.SUSPECT:
            self.probes.s3 = None
        if self.mind.state == states.REPAIRING:
            self.proved, self.doubted_at, self.again_at = None, 0.0, 0.0
            if before.state != states.S3_DOWN:
                self.times.begin()
        if self.mind.state == states.HEALTHY and not self.known:
            self.probes.fingerprint(KNOWN, 8, self.prove_deadline)

    def end(self, *_: t.Any) -> None:
        """Take systemd's word to stop."""
        self.ending = True

    def run(self) -> None:
        """Guard until told to stop; a frozen Plex is let go then, without its workers."""
        self.event("started")
        self.given_up.unlink(missing_ok=True)
        self.container.look()
        before = self._status_before()
        by_the_unit = self._find_plex(before)
        self._take_over(before)
        self.met, self.times.untold = bool(before.get("met")), int(before.get("untold") or 0)
        self.mount.left = fd_store.inherited()
        self.mount.follow()
        if self._missed_something(before):
            self._meet_the_unseen()
        else:
            self.mount.let_left_go()
            if by_the_unit:
                self.event("frozen", cause="no guard watched", workers=0, waiting=0)
        with MOUNTINFO.open("rb") as table:
            while not self.ending:
                self.turn()
                self._wait(table.fileno())
        if self.mind.frozen:
            self.window["broken"] = True
            self.thaw()
        if self.docker.ended:
            self.container.start()
        self.container.look()
        if self.container.paused:
            self.container.tell_docker(False)
        # Whoever stops it has no Plex to be watched any more; after a reboot there is one again.
        self.met = self.met and systemctl("is-system-running") == "stopping"
        self.write_status()
        self.given_up.unlink(missing_ok=True)
        self.event("stopped")

    def _find_plex(self, before: dict[str, t.Any]) -> bool:
        """Take Plex as it was left; whether the unit froze it, when the guard before this one died."""
        self._remember_plex(before)
        # What counts is what it was told: while a call waits in the mount, it does not come to a standstill.
        frozen = self.container.paused or bool(self.container.told_to_stand())
        by_the_unit = frozen and not before.get("frozen")
        self.mind = states.Mind(since=time.monotonic(), frozen=frozen)
        # Nobody in it has seen anything since its guard died, else it was frozen because of what there was to see.
        self.window = {"from": time.time(), "workers": 0, "waiting": 0, "broken": frozen and not by_the_unit}
        return by_the_unit

    def _remember_plex(self, before: dict[str, t.Any]) -> None:
        """Know the container although Docker does not answer, as it does when it asks what stands still."""
        container, pid = self.container, before.get("container")
        if container.pid or not isinstance(pid, int):
            return
        container.pid = pid
        try:
            known = str(container.order(frozen=True)[0]) == before.get("freezer")
        except OSError:
            known = False
        if not known:
            # Gone, or its number is another's now.
            container.pid = 0

    def tell_left_out(self) -> None:
        """Say which files are not read any more; the mount is not to blame for them."""
        while self.probes.files.left_out:
            self.event("left out", file=self.probes.files.left_out.pop(0), reason="S3 gives others, and not this one")

    def _leave_word(self) -> None:
        """Tell the unit how Plex is stopped, which it does when this guard dies."""
        container = self.container
        if self.note and container.pid != self.noted and container.alive():
            with suppress(OSError):
                path, word = container.order(frozen=True)
                self.note.write_text(f"{path}\n{word}\n", encoding="utf-8")
                self.noted = container.pid

    def _status_before(self) -> dict[str, t.Any]:
        """Give what the guard before this one wrote last; empty when there was none."""
        with suppress(OSError, ValueError):
            status = json.loads((self.directory / "status.json").read_text(encoding="utf-8"))
            return status if isinstance(status, dict) else {}
        return {}

    def _take_over(self, before: dict[str, t.Any]) -> None:
        """Start what the guard before this one ended, when it had no time to."""
        if not self.container.alive():
            self.docker.ended = int(before.get("ended") or 0)

    def _missed_something(self, before: dict[str, t.Any]) -> bool:
        """Whether the mount that the guard before this one watched has died or was taken away since.

        After a reboot there is no Plex yet; it may come back at any moment, and has to wait for the proof.
        """
        watched, now = before.get("pid", 0), self.mount
        another = watched != now.pid or before.get("began", now.began) != now.began
        return bool(watched) and (self.container.alive() or self.met) and (another or not now.covered())

    def _meet_the_unseen(self) -> None:
        """Freeze Plex first: what was at work while nobody watched may have been told errors, or seen nothing.

        What systemd kept of a mount spares Plex the errors of its death, but not the sight of an empty directory.
        """
        mount = self.mount
        taken_away = not mount.covered() and (mount.alive() or not mount.layers.at(mount.places.target))
        cause = "the mount was taken away while nobody watched" if taken_away else "the mount died while nobody watched"
        # Where the unit has done its part and its generation is gone, nothing comes up by itself.
        state = states.DEAD if not mount.pid and mount.settled() else self.mind.state
        self.mind = replace(self.mind, state=state, frozen=True, cause=cause)
        self.freeze()
        self.window |= {"broken": True, "exposed": taken_away or not mount.left}

    def _wait(self, table: int) -> None:
        """Sleep until a second has passed, a freeze is due, rclone has died, or the table of mounts has changed."""
        waiter = select.poll()
        waiter.register(table, select.POLLPRI | select.POLLERR)
        for descriptor in self.probes.descriptors():
            waiter.register(descriptor, select.POLLIN)
        busy = self.mind.state in (states.REPAIRING, states.STARTING)
        pause = 0.1 if busy else min(TICK, self.probes.next_deadline())
        if self.mind.state == states.SUSPECT and not self.mind.frozen:
            # To the moment, not to the next second after it: Plex's readers do not get that second back.
            pause = min(pause, max(0.01, self.probes.moved_at + self.patience.freeze_after - time.monotonic()))
        if self.mount.alive():
            waiter.register(self.mount.process, select.POLLIN)
            if self.mount.device >= 0:
                waiter.register(self.mount.device, 0)
        waiter.poll(1000 * pause)


def build(config: dict[str, t.Any]) -> Guard:
    """Make a guard from its configuration; KeyError names what is missing."""
    mount = Mount(Places(config["unit"], config["generation"], config["parent"], config["target"]))
    container = Container(config["container"])
    rclone = [config["rclone"], "--config", config["rclone_config"]]
    files = KnownFiles()
    with suppress(OSError, ValueError):
        files.names = json.loads(Path(config["files"]).read_text(encoding="utf-8"))
    probes = Probes(
        mount, container, Pace(**config["pace"]), config["remote"], rclone, config["socket"], config["inside"], files
    )
    return Guard(
        Path(config["directory"]),
        mount,
        container,
        probes,
        states.Patience(**config["patience"]),
        config["workers"],
        config["prove_deadline"],
        Agreement(container, probes),
        Cache(config["cache"]),
    )


def main(words: list[str]) -> int:
    """Run the service."""
    if len(words) != 1:
        print("usage: guard CONFIG", file=sys.stderr)
        return 2
    config = json.loads(Path(words[0]).read_text(encoding="utf-8"))
    fuse_connections.ensure()
    guard = build(config)
    if runtime := os.environ.get("RUNTIME_DIRECTORY"):
        guard.note = Path(runtime) / "freezer"
    signal.signal(signal.SIGTERM, guard.end)
    signal.signal(signal.SIGINT, guard.end)
    guard.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
