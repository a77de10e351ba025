# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What Docker says about the container of the media server."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

Run = t.Callable[[list[str]], tuple[int, str, str]]

# Docker answers nothing while its health check waits in what stands still; coreutils end who asked.
DEADLINE = 10
_IN_TIME = ("timeout", "--kill-after=5", str(DEADLINE))
_TOO_LATE = (124, 137)

MISSING = "missing"
UNKNOWN = "unknown"
PAUSED = "paused"


@dataclass(frozen=True)
class ContainerState:
    """`status` is Docker's word (running, paused, restarting, exited, …), `missing` or `unknown`."""

    status: str
    identifier: str = ""
    pid: int = 0
    restart_count: int = 0
    oom_killed: bool = False
    exit_code: int = 0
    detail: str = ""

    @property
    def running(self) -> bool:
        """Neither stopped nor paused nor between two starts."""
        return self.status == "running"


def inspect(run_command: Run, container: str) -> ContainerState:
    """Ask Docker once, for DEADLINE seconds. That it does not answer is a state, too: it may be busy."""
    code, output, errors = run_command([*_IN_TIME, "docker", "inspect", "--type", "container", container])
    return parse_inspect(code, output, errors)


def parse_inspect(code: int, output: str, errors: str) -> ContainerState:
    """The state out of what `docker inspect` printed."""
    if code in _TOO_LATE:
        return ContainerState(status=UNKNOWN, detail=f"Docker did not answer within {DEADLINE} s")
    if code != 0:
        absent = "no such container" in errors.lower()
        return ContainerState(status=MISSING if absent else UNKNOWN, detail=errors.strip())
    try:
        (facts,) = json.loads(output)
        state = facts["State"]
        return ContainerState(
            status=str(state["Status"]),
            identifier=str(facts["Id"]),
            pid=int(state.get("Pid", 0)),
            restart_count=int(facts.get("RestartCount", 0)),
            oom_killed=bool(state.get("OOMKilled", False)),
            exit_code=int(state.get("ExitCode", 0)),
            detail=str(state.get("Error", "")),
        )
    except (ValueError, KeyError, TypeError):
        return ContainerState(status=UNKNOWN, detail="docker inspect printed something unexpected")
