# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a run ended: its word and its exit code follow from what happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from wrapper import exits
from wrapper.machine import Machine
from wrapper.performer import Performed
from wrapper.readings import EarlyEnd
from wrapper.stages import PREFLIGHT, SCAN, SONIC, Stage


@dataclass
class Ending:
    """How a run ended, in its own words; the exit code follows from them.

    early: the word for a phase that ended before all was done; partial: its sentence, when the rest came home.
    """

    failed_stage: str = ""
    failure: str = ""
    early: str = ""
    partial: str = ""
    canceled_in: str = ""
    machine: Machine = "none"
    performed: dict[str, Performed] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """done, failed, canceled, or the word of the early end: partial, stalled, timed_out, …"""
        if self.failure:
            return self.early if self.early and not self.partial else "failed"
        if self.canceled_in:
            return "canceled"
        return (self.early or "partial") if self.partial else "done"

    @property
    def code(self) -> int:
        """The exit code, as the help explains it."""
        if self.machine == "may be running" or (self.machine == "kept" and self.verdict != "done"):
            return exits.MAY_BE_RUNNING
        if self.failed_stage == PREFLIGHT.name:
            return exits.USAGE
        return exits.BY_VERDICT[self.verdict]


def brings_home(stage: Stage, done: Performed, early: EarlyEnd) -> bool:
    """Whether a phase ended before all was done, but so that what there is comes home.

    A scan that is only partial goes on; when its stage failed all the same, something else broke in it.
    """
    if done.end == "done" or stage is SONIC:
        return bool(early)
    return stage is SCAN and early.verdict not in ("", "partial")
