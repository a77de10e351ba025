# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The guard and Docker agree on whether Plex is frozen: the cgroup is what counts, and Docker's word follows.

Docker is asked and told in children only. It answers late while it pauses; and a health check that begins in what
stands still holds it up until somebody lets the container go, so that it cannot even say that it is paused.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from . import bounded
from .freezer import STAND_STILL, Container
from .guard_probes import ASK_DOCKER, TELL_DOCKER, Probes

PAUSE = 1.0
# Between two questions while all is well, in seconds.
CALM = 10.0
# A server that ends as it should needs up to a minute, and Docker the same again.
RESTART = 150.0


@dataclass
class Agreement:
    """What Docker was told and asked, and what is to be started again."""

    container: Container
    probes: Probes
    asked_at: float = 0.0
    told_at: float = 0.0
    telling: bool = False  # what Docker was told last: whether Plex is frozen
    unheard: bool = False  # it was told something, and has not been asked since
    ended: int = 0  # the first process of a container that has to be started again
    restart: t.Literal["no", "due", "told"] = "no"  # whether it is ended gracefully, by Docker

    def ask(self, now: float) -> None:
        """Ask about the container now and then, and soon when it is gone or Docker was told something."""
        told = self.unheard and TELL_DOCKER not in self.probes.running
        pause = 0.0 if told else CALM if self.container.alive() else PAUSE
        if now - self.asked_at >= pause and ASK_DOCKER not in self.probes.running:
            self.asked_at, self.unheard = now, self.unheard and not told
            self.probes.start(ASK_DOCKER, self.container.ask, 11.0)

    def hold(self, frozen: bool) -> bool:
        """Take back what Docker made of the cgroup, late or by itself; whether there was anything.

        Its pause may come true after Plex was let go. As it lets go itself, it needs a moment of standstill. What was
        ended has to run to be gone.
        """
        frozen = frozen and not self.ended
        letting_go = not self.telling and 0 < self.probes.underway(TELL_DOCKER) < STAND_STILL
        return self.container.alive() and (frozen or not letting_go) and self.container.hold(frozen)

    def agree(self, frozen: bool) -> None:
        """Have Docker say the same, and start what was ended."""
        container = self.container
        if TELL_DOCKER in self.probes.running or time.monotonic() - self.told_at < PAUSE:
            return
        if self.ended and (container.pid not in (0, self.ended) or (self.restart == "told" and container.alive())):
            # There is another one, or this one did not end: it is held again, and whoever needs that asks again.
            self.ended, self.restart = 0, "no"
        if self.ended:
            if self.restart == "due":
                self.restart = "told"
                self._tell(False, container.restart, RESTART)
            elif not container.alive():
                self._tell(False, container.start)
        elif container.alive() and container.paused != frozen and (not frozen or container.stands_still()):
            self._tell(frozen, lambda: container.tell_docker(frozen))

    def restart_gracefully(self) -> None:
        """Have it end as it likes to, and start again; it is not held meanwhile."""
        self.ended, self.restart = self.container.pid, "due"

    def _tell(self, frozen: bool, work: t.Callable[[], None], deadline: float = 45.0) -> None:
        def tell() -> bounded.Answer:
            work()
            return {}

        self.told_at, self.telling, self.unheard = time.monotonic(), frozen, True
        self.probes.start(TELL_DOCKER, tell, deadline)
