# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What cloud-init says of itself, in words. Pure; the formats are those of cloud-init 22.4 (Debian 12)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ENDED = frozenset({"done", "error", "disabled"})
# What a stage of its life is for.
STAGES = {
    "init-local": "finding its settings",
    "init": "keys and users",
    "modules-config": "settings",
    "modules-final": "packages and commands",
}


@dataclass(frozen=True)
class Reading:
    """status: its own word, empty when it said none; message: for people, and what it is at while it works."""

    status: str
    message: str

    @property
    def ended(self) -> bool:
        """Whether it will do no more."""
        return self.status in ENDED


def document(text: str) -> Mapping[str, Any]:
    """A JSON object, empty when it is none yet."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def judged(said: str, progress: str, log: Sequence[str]) -> Reading:
    """The state from `cloud-init status --format json`, its status.json and the lines of its output."""
    told = document(said)
    status = str(told.get("status", ""))
    if status == "done":
        return Reading(status, "cloud-init is done")
    if status == "disabled":
        return Reading(status, "cloud-init is disabled on this machine: its image is none that we can prepare")
    if status == "error":
        errors = "; ".join(str(error) for error in told.get("errors") or ()) or str(told.get("detail", "no reason"))
        return Reading(status, f"cloud-init ended with an error: {' '.join(errors.split())}")
    stage = document(progress).get("v1", {}).get("stage")
    doing = STAGES.get(str(stage), str(stage or "waiting for its turn"))
    last = next((line.strip() for line in reversed(log) if line.strip()), "")
    return Reading(status, f"cloud-init is at {doing}" + (f": {last[:160]}" if last else ""))
