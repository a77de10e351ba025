# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How much of a stage is our own: all that is neither Plex's work nor boot nor transfer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wrapper.view import duration

# Modules whose time is somebody else's. Small files are copied, too, so what is left is a little too low.
PLEX = frozenset({"plex_phase", "plex_status"})
BOOT = frozenset({"cloud_init_status", "scaleway_server", "wait_for_connection"})
TRANSFER = frozenset({"apt", "copy", "docker_image_pull", "fetch", "get_url", "plex_db_arrival", "unarchive"})
ENDS = frozenset({"runner_on_ok", "runner_on_failed", "runner_on_unreachable"})


@dataclass
class Waited:
    """Seconds of a stage in tasks that wait for somebody else."""

    seconds: float = 0.0

    def add(self, event: Mapping[str, Any]) -> None:
        """Count a task that has ended; its tries and the pauses between them are in its duration."""
        data = event.get("event_data") or {}
        action = str(data.get("task_action") or "").rpartition(".")[2]
        if event.get("event") in ENDS and action in PLEX | BOOT | TRANSFER:
            self.seconds += float(data.get("duration") or 0.0)


def overhead_lines(book: Mapping[str, Any]) -> list[str]:
    """What was our own in all stages together and in each; nothing where it was not measured."""
    known = [entry for entry in book["stages"] if entry.get("overhead_seconds") is not None]
    whole = sum(float(entry["seconds"]) for entry in known)
    if not whole:
        return []
    ours = sum(float(entry["overhead_seconds"]) for entry in known)
    each = ", ".join(f"{entry['stage']} {duration(float(entry['overhead_seconds']))}" for entry in known)
    return [f"neither Plex nor boot nor transfer: {duration(ours)} of {duration(whole)} ({ours / whole:.0%}): {each}"]
