"""A whole run with a player that only acts: what it played, what a person saw, what the ledger holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from module_utils import ledger
from tests.unit.wrapper.stand_ins import RUN_ID, Act, FakePlayer, MemoryView
from wrapper.cancel import Cancel
from wrapper.conduct import Conductor
from wrapper.controller_log import ControllerLog
from wrapper.ending import Ending
from wrapper.performer import Performer


@dataclass
class Played:
    ending: Ending
    player: FakePlayer
    view: MemoryView
    book: dict[str, Any]

    @property
    def stages(self) -> list[str]:
        return self.player.played


@dataclass
class Theatre:
    runs_dir: Path
    cancel: Cancel = field(default_factory=Cancel)

    def play(
        self,
        acts: Mapping[str, Act | list[Act]] | None = None,
        *,
        rents: bool = True,
        keep: bool = False,
        kind: type[FakePlayer] = FakePlayer,
        **player: Any,
    ) -> Played:
        run_dir = ledger.create(self.runs_dir, RUN_ID, inventory="lab")
        fake, view = kind(run_dir, self.cancel, acts or {}, **player), MemoryView()
        with ControllerLog(run_dir) as log:
            performer = Performer(run_dir, Path("inventory.yml"), {}, fake, view, log)
            ending = Conductor(performer, self.cancel, rents=rents, keep=keep).conduct()
        return Played(ending, fake, view, ledger.read(run_dir))
