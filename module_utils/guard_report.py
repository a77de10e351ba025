# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard wrote down, for the run and its receipt."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

ABSENT = "absent"
WORDS = {
    "starting": "the guard looks for the mount",
    "prewarm": "the directory listing is being filled",
    "healthy": "the mount is healthy",
    "suspect": "the mount is under suspicion",
    "s3_down": "S3 does not answer; Plex stands still until it does",
    "hung": "the mount hangs; Plex stands still",
    "dead": "the mount died; Plex stands still",
    "repairing": "the mount is being replaced; Plex stands still",
    "probation": "the mount was replaced and is healthy",
    "given_up": "the guard gave up; Plex stands still",
}


def events(text: str, since: float) -> list[dict[str, Any]]:
    """Read the lines of the guard's log from a moment on; a last line that is cut short is left out."""
    found = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("at", 0) >= since:
            found.append(event)
    return found


def windows(log: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The times in which Plex stood still."""
    found: list[dict[str, Any]] = []
    for event in log:
        if event["event"] == "frozen":
            found.append({"from": event["at"], "cause": event.get("cause", ""), "workers": event.get("workers", 0)})
        elif event["event"] == "thawed" and found and "to" not in found[-1]:
            found[-1] |= {"to": event["at"], "workers_ended": event.get("workers_ended", 0)}
    return found


def counted(log: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Count from the log, which outlives a guard that was killed."""
    counts = {"freezes": 0, "repairs": 0, "workers_ended": 0}
    for event in log:
        counts["freezes"] += event["event"] == "frozen"
        counts["repairs"] += event["event"] == "repair"
        counts["workers_ended"] += int(event.get("workers_ended", 0))
    return counts


def stood_still(found: Iterable[dict[str, Any]], counts: dict[str, int]) -> str:
    """Say how often and how long Plex stood still, and why; nothing when it never did."""
    times = list(found)
    if not times:
        return ""
    seconds = sum(window["to"] - window["from"] for window in times if "to" in window)
    causes = "; ".join(dict.fromkeys(str(window["cause"]) for window in times if window["cause"]))
    often = f"{len(times)} times" if len(times) > 1 else "once"
    still = ", and does so now" if "to" not in times[-1] else ""
    repairs = counts.get("repairs", 0)
    mended = f", {repairs} repair{'s' if repairs != 1 else ''} of the mount"
    return f"Plex stood still {often}, {seconds:.0f} s in all{still}{mended}{f' ({causes})' if causes else ''}"


def given_up(directory: Path | None) -> str:
    """Say why the guard gave the mount up; empty when it did not."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        if directory:
            return str(json.loads((directory / "given_up.json").read_text(encoding="utf-8"))["reason"])
    return ""


def message(status: dict[str, Any], counts: dict[str, int]) -> str:
    """Say how it is in a sentence."""
    said = WORDS.get(str(status.get("state")), f"the guard says {status.get('state')}")
    if status.get("cause"):
        said += f" ({status['cause']})"
    if counts["freezes"]:
        said += f"; {counts['freezes']} freezes, {counts['repairs']} repairs so far"
    return said


def read(directory: Path, since: float = 0.0) -> dict[str, Any]:
    """Read status and log; a guard that is not there is a state of its own."""
    try:
        status = json.loads((directory / "status.json").read_text(encoding="utf-8"))
        log = events((directory / "events.jsonl").read_text(encoding="utf-8"), since)
    except (OSError, ValueError):
        return {
            "state": ABSENT,
            "message": "there is no guard",
            "frozen": False,
            "counts": {},
            "events": [],
            "windows": [],
        }
    counts = counted(log)
    return {
        "state": status["state"],
        "message": message(status, counts),
        "frozen": bool(status["frozen"]),
        "counts": counts,
        "events": log,
        "windows": windows(log),
    }
