"""What stands in for the guard's surroundings: its settings, and a container that remembers what it was told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from module_utils.freezer import Container
from module_utils.guard import Guard

SETTINGS: dict[str, Any] = {
    "unit": "u",
    "generation": "/nowhere/generation",
    "parent": "/nowhere",
    "target": "/nowhere/library",
    "container": "plex",
    "inside": "/media",
    "rclone": "true",
    "rclone_config": "",
    "remote": "library:",
    "socket": "",
    "files": "",
    "cache": "",
    "workers": ["Plex Media Scanner"],
    "prove_deadline": 1.0,
    "pace": {},
    "patience": {},
}


class Plex(Container):
    """A container that only remembers what it was told."""

    def __init__(self) -> None:
        super().__init__("plex")
        self.told: list[str] = []
        self.living = True

    def alive(self) -> bool:
        return self.living

    def told_to_stand(self) -> bool:
        return False

    def workers(self, names: Sequence[str]) -> list[int]:
        return [1] if names else [1, 2]

    def freeze(self, frozen: bool = True) -> None:
        self.told.append("freeze")

    def thaw(self) -> None:
        self.told.append("thaw")

    def end(self, pids: Sequence[int]) -> None:
        self.told.append(f"end {len(pids)}")

    def empties_trash(self) -> bool:
        return True

    def keep_trash(self) -> None:
        self.told.append("keep trash")


def log(guard: Guard) -> list[str]:
    path = guard.directory / "events.jsonl"
    return [json.loads(line)["event"] for line in path.read_text().splitlines()] if path.exists() else []
