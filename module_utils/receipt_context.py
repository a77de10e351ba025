# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a receipt says beside the databases themselves: how the library arrived, on which Plex, how long it took.

Private to this collection. Read from what the stages left in the run directory; what is not there is not said.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .census_comparison import Comparison
from .files import read_json
from .guard_report import stood_still

ARRIVAL, LEDGER = "arrival.json", "ledger.json"
# Stages that come before the receipt; those after it would make it another one each time.
_BEFORE = frozenset({"preflight", "provision", "mount", "restore", "plex", "scan", "sonic"})


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path)
    return content if isinstance(content, dict) else {}


def breaker(comparison: Comparison) -> dict[str, Any]:
    """Say per section that lost something, or has it marked, whether that passes the limit a run stops at."""
    verdicts = {
        change.name: {
            "lost": change.lost_items,
            "marked": change.marked_items,
            "analyses_lost": change.analyses_lost,
            "passes_limit": change.passes_limit,
        }
        for change in comparison.sections
        if change.marked or change in comparison.lost
    }
    return {"tripped": any(verdict["passes_limit"] for verdict in verdicts.values()), "sections": verdicts}


def emptied(run_dir: Path) -> dict[int, int]:
    """Read how many items the trash of each section gave up on request."""
    trash = (_read(run_dir / LEDGER).get("results") or {}).get("trash") or {}
    return {
        int(entry["section"]): int(entry.get("items", 0))
        for entry in trash.values()
        if isinstance(entry, dict) and entry.get("verdict") == "emptied"
    }


def _arrival_sentences(arrival: Mapping[str, Any]) -> list[str]:
    told = []
    if arrival.get("checked"):
        plex = arrival.get("plex_sqlite") or {}
        own = {
            "ok": "also by Plex's own SQLite",
            "damaged": "but not by Plex's own SQLite",
            "absent": f"not by Plex's own SQLite ({plex.get('why', '')})",
        }.get(str(plex.get("state")), "not by Plex's own SQLite")
        told.append(f"The library was checked {arrival['checked']}, {own}.")
        told += [str(warning) for warning in plex.get("warnings", ())]
    drift = (arrival.get("drift") or {}).get("counts") or {}
    if drift.get("would_delete"):
        told.append(
            f"Before the scan {drift['moved']} files had moved and {drift['gone']} were gone from where it had them."
        )
    return told


def _trash_sentences(trash: Mapping[str, Any]) -> list[str]:
    """Say what became of the trash of each library, when it was to be emptied."""
    told = [(str(entry.get("title", "")), str(entry.get("message", ""))) for entry in trash.values()]
    return [f"{title}: {message}." if title else f"{message[:1].upper()}{message[1:]}." for title, message in told]


def context(run_dir: Path) -> tuple[dict[str, Any], list[str]]:
    """Read the run directory; return what goes into the receipt, and its sentences."""
    arrival, ledger = _read(run_dir / ARRIVAL), _read(run_dir / LEDGER)
    stages = [entry for entry in ledger.get("stages", ()) if isinstance(entry, dict) and entry.get("stage") in _BEFORE]
    results = ledger.get("results") or {}
    trash, guard = results.get("trash") or {}, results.get("guard") or {}
    mount = stood_still(guard.get("windows", ()), guard.get("counts", {}))
    parity = arrival.get("parity") or {}
    facts = {
        "archive_sha256": arrival.get("archive", ""),
        "arrival": {key: arrival[key] for key in ("checked", "checksums", "plex_sqlite", "mapped") if key in arrival},
        "drift": (arrival.get("drift") or {}).get("counts", {}),
        "versions": {"parity": parity.get("state", ""), "home": parity.get("sentence", "")},
        "trash": trash,
        "mount": {key: guard[key] for key in ("counts", "windows") if key in guard} | {"told": mount},
        "seconds": {str(entry["stage"]): entry.get("seconds") for entry in stages if entry.get("seconds") is not None},
    }
    return facts, [*_arrival_sentences(arrival), *_trash_sentences(trash)]
