# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The stages of a run, as data: one playbook each, in this order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One playbook of a run.

    rented: it only makes sense where the inventory rents a machine.
    attempts: how often it is played before it counts as failed. More than one only where giving up loses
    something: an export that is not tried again loses the analysis, a teardown costs money.
    resumable: played again once a machine that could not be reached answers, because the work is on that machine.
    """

    name: str
    purpose: str
    rented: bool = False
    attempts: int = 1
    phases: tuple[str, ...] = ()
    resumable: bool = False

    @property
    def playbook(self) -> str:
        """Path of the playbook, from the repository root."""
        return f"playbooks/{self.name}.yml"


PREFLIGHT = Stage("preflight", "check archive, mappings, sections and keys before anything is rented")
PROVISION = Stage("provision", "rent the machine, wait until it answers over SSH", rented=True)
PLEX = Stage("plex", "start Plex on the databases, background work off")
SCAN = Stage("scan", "scan the sections, one after another", phases=("scan", "analyse"), resumable=True)
SONIC = Stage("sonic", "let Plex settle, then analyse music, section after section", phases=("sonic",), resumable=True)
EXPORT = Stage("export", "bring both databases home, verify them, write the receipt", attempts=2, resumable=True)
# Not one of the order: between two of them, when the machine does not answer any more.
REOPEN = Stage("reopen", "open the machine's door to where this computer is now", rented=True)
COLLECT = Stage("collect", "bring the logs home")
TEARDOWN = Stage("teardown", "remove the machine and prove that it is gone", rented=True, attempts=2)

WORK = (
    PREFLIGHT,
    PROVISION,
    Stage("mount", "mount the bucket and read a byte of it"),
    Stage("restore", "unpack, check and remap the library databases"),
    PLEX,
    SCAN,
    SONIC,
    EXPORT,
)
CLOSING = (COLLECT, TEARDOWN)


def stages_for(*, rents: bool) -> tuple[Stage, ...]:
    """Every stage of a run, in order, for an inventory that rents its machine or not."""
    return tuple(stage for stage in WORK + CLOSING if rents or not stage.rented)
