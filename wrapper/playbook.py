# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one seam to ansible-runner: play a playbook in a fresh directory, hand over its events, clean up."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from wrapper import orphans

Event = Mapping[str, Any]

# How often a cancel is looked for, in seconds; also how often the view's clock moves.
HEARTBEAT_SECONDS = 0.25


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended: runner's word for it and the exit code of ansible-playbook."""

    status: str
    rc: int

    @property
    def ok(self) -> bool:
        """Whether every task went well."""
        return self.status == "successful"

    @property
    def canceled(self) -> bool:
        """Whether somebody asked to stop."""
        return self.status == "canceled"


class Play(Protocol):
    """What play() looks like to the code that is tested with a stand-in."""

    def __call__(
        self,
        playbook: str,
        stage_dir: Path,
        inventory: Path,
        extravars: Mapping[str, Any],
        *,
        on_event: Callable[[Event], None],
        cancel: Callable[[], bool],
    ) -> Outcome:
        """Play it and tell how it ended."""


def ansible_playbook() -> str | None:
    """ansible-playbook, beside this Python first: a virtual environment need not be active."""
    return shutil.which("ansible-playbook", path=search_path())


def search_path() -> str:
    """The PATH under which Ansible runs."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def play(
    playbook: str,
    stage_dir: Path,
    inventory: Path,
    extravars: Mapping[str, Any],
    *,
    on_event: Callable[[Event], None],
    cancel: Callable[[], bool],
    root: Path,
    run_id: str,
    verbosity: int = 0,
) -> Outcome:
    """Play one playbook from the repository root.

    stage_dir must be new: runner loads whatever an earlier run left in its directory. cancel is asked several
    times a second; when it says yes, ansible-playbook is killed and so is every process it left behind before
    this returns. extravars must hold no secret: they pass through a file.
    """
    # Not at the top: it costs a third of a second that `--help` does not have.
    import ansible_runner

    def handle(event: Event) -> bool:
        on_event(event)
        # No: runner need not keep a file per event.
        return False

    def know(_status: Mapping[str, Any], **_of_runner: Any) -> None:
        # Runner has written our environment down before it says "running"; what plays now may pack this directory.
        _forget_environment(stage_dir)

    stage_dir.mkdir(mode=0o700, parents=True)
    result = None
    try:
        result = ansible_runner.run(
            private_data_dir=str(stage_dir),
            project_dir=str(root),
            ident="play",
            playbook=playbook,
            inventory=str(inventory),
            extravars=dict(extravars),
            envvars=_environment(root, run_id),
            settings={"pexpect_timeout": HEARTBEAT_SECONDS},
            fact_cache_type="memory",
            verbosity=verbosity,
            quiet=True,
            event_handler=handle,
            status_handler=know,
            cancel_callback=cancel,
        )
    finally:
        if result is None or result.status != "successful":
            orphans.reap(run_id)
        _forget_environment(stage_dir)
        (stage_dir / "env" / "extravars").unlink(missing_ok=True)
    return Outcome(status=str(result.status), rc=int(result.rc or 0))


def _environment(root: Path, run_id: str) -> dict[str, str]:
    """What Ansible gets on top of our own environment, through which secrets reach it."""
    return {
        "PATH": search_path(),
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        # Runner turns it off unless told; an unknown host key is an error here.
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "1",
        orphans.MARKER: run_id,
    }


def _forget_environment(stage_dir: Path) -> None:
    """Remove what holds the whole environment, secrets included."""
    for left in stage_dir.glob("artifacts/*/command"):
        left.unlink(missing_ok=True)
