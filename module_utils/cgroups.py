# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the kernel keeps what stops all processes of a container, in either version of cgroups."""

from __future__ import annotations

from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def freezer_of(text: str, root: Path = CGROUPS) -> tuple[Path, int]:
    """Find a process's freezer from its /proc/PID/cgroup: the directory, and the cgroup version."""
    for line in text.splitlines():
        number, controllers, path = line.split(":", 2)
        if "freezer" in controllers.split(","):
            return root / "freezer" / path.lstrip("/"), 1
        if number == "0" and (root / "cgroup.controllers").exists():
            return root / path.lstrip("/"), 2
    raise OSError("no cgroup can freeze this container")
