# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A claim code from a person: asked for before anything is rented, and once more when it has grown too old to use."""

from __future__ import annotations

import os
import re
import select
import sys
import time
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrapper.exits import InputError
from wrapper.playbook import Event, Outcome, Play
from wrapper.stages import PLEX

# plex.tv takes a code for four minutes; the server needs some of them to start and to hand it in.
USABLE_SECONDS = 240 - 30
# So long a person is waited for while the machine is running and costs money.
PATIENCE_SECONDS = 600
HEARTBEAT_SECONDS = 0.25
CODE = re.compile(r"claim-[A-Za-z0-9_-]{8,}")
WHERE = "Get one at https://plex.tv/claim"
HELP = "Set PLEX_TOKEN, the account's token, with which a code is fetched when it is needed"

Cancel = Callable[[], bool]
# For as long as a person is asked, nobody else writes on the terminal.
Aside = Callable[[], AbstractContextManager[None]]
# The prompt, who cancels, and the seconds to wait (0: no end); None when nobody answered.
Ask = Callable[[str, Cancel, float], str | None]


def at_terminal() -> bool:
    """Whether somebody is there who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(prompt: str, cancel: Cancel, seconds: float) -> str | None:
    """One line from the terminal."""
    print(prompt, end="", file=sys.stderr, flush=True)
    ends = time.monotonic() + seconds
    while not cancel() and not (seconds and time.monotonic() >= ends):
        if select.select([sys.stdin], [], [], HEARTBEAT_SECONDS)[0]:
            line = sys.stdin.readline()
            return line.strip() if line else None
    return None


@dataclass
class Claim:
    """The claim code of a run: in the environment, through which Ansible gets its secrets, and nowhere else."""

    environment: MutableMapping[str, str] = field(default_factory=lambda: os.environ)
    terminal: bool = field(default_factory=at_terminal)
    ask: Ask = ask
    clock: Callable[[], float] = time.monotonic
    since: float = 0.0

    @property
    def by_hand(self) -> bool:
        """Whether a person has to give a code, because nothing can fetch one."""
        return not self.environment.get("PLEX_TOKEN")

    def give_first(self) -> None:
        """Have a code before anything is rented. InputError when there is none and nobody to ask."""
        if not self.by_hand:
            return
        if not self.environment.get("PLEX_CLAIM"):
            if not self.terminal:
                raise InputError(
                    f"The rented server needs an account. {HELP}, or give a code: {WHERE} and set PLEX_CLAIM."
                )
            if not self._asked("The rented server needs an account.", lambda: False, 0):
                raise InputError(f"No claim code was given. {HELP}.")
        self.since = self.clock()

    def before(self, player: Play, aside: Aside = nullcontext) -> Play:
        """The same player, which has a code that is still good when Plex is to be started; aside frees the screen."""

        def play(
            playbook: str,
            stage_dir: Path,
            inventory: Path,
            extravars: Mapping[str, Any],
            *,
            on_event: Callable[[Event], None],
            cancel: Cancel,
        ) -> Outcome:
            if playbook == PLEX.playbook and not self._fresh(cancel, aside):
                if cancel():
                    return Outcome("canceled", 254)
                failure = {"task": "Have a claim code", "res": {"msg": self._too_old()}}
                on_event({"event": "runner_on_failed", "event_data": failure})
                return Outcome("failed", 2)
            return player(playbook, stage_dir, inventory, extravars, on_event=on_event, cancel=cancel)

        return play

    def _fresh(self, cancel: Cancel, aside: Aside) -> bool:
        if not self.by_hand or self.clock() - self.since < USABLE_SECONDS:
            return True
        if not self.terminal:
            return False
        with aside():
            return self._asked(self._too_old(), cancel, PATIENCE_SECONDS)

    def _too_old(self) -> str:
        minutes = (self.clock() - self.since) / 60
        return f"The claim code is {minutes:.0f} minutes old and valid for 4 only. {HELP}."

    def _asked(self, why: str, cancel: Cancel, seconds: float) -> bool:
        """Ask until something that looks like a code is given; an empty line gives up."""
        prompt = f"\n{why}\n{WHERE} and paste it here: "
        while answer := self.ask(prompt, cancel, seconds):
            if CODE.fullmatch(answer):
                self.environment["PLEX_CLAIM"], self.since = answer, self.clock()
                return True
            prompt = "That is no claim code; it looks like claim-xxxxxxxxxxxxxxxxxxxx: "
        return False
