# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The last screen of a run, and what `wrapper show` prints: all of it read from the run directory."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from module_utils import ledger
from module_utils.guard_report import stood_still
from module_utils.prices import euros, spent
from wrapper.controller_log import LOG_NAME
from wrapper.held import holder
from wrapper.machine import may_own_a_machine
from wrapper.overhead import overhead_lines
from wrapper.receipt import RECEIPT_NAME, read_receipt, receipt_lines
from wrapper.view import duration

MARKS = {"done": "✓", "failed": "✗", "running": "…", "skipped": "-"}


def facts(run_dir: Path) -> dict[str, Any]:
    """Everything known about a run, for --json."""
    book = ledger.read(run_dir)
    return {
        **book,
        "machine_state": machine_state(book),
        "driven_by": holder(run_dir),
        "receipt": read_receipt(run_dir) or None,
    }


def machine_state(book: dict[str, Any]) -> str:
    """none, gone or may be running."""
    if may_own_a_machine(book):
        return "may be running"
    return "gone" if book["machine"].get("gone_at") else "none"


def report(run_dir: Path) -> list[str]:
    """The run in lines: what came home, how long each stage took, where the logs are, the proof."""
    book = ledger.read(run_dir)
    return [
        heading(book),
        *_stages(book),
        *overhead_lines(book),
        *receipt_lines(read_receipt(run_dir)),
        *mount_lines(book),
        *_files(run_dir),
        *cost_lines(book),
        *machine_lines(book),
    ]


def told(run_dir: Path) -> list[str]:
    """The report and how it ended and why, as `wrapper show` tells it afterwards."""
    end = ledger.read(run_dir)["results"].get("run", {})
    return [*report(run_dir), *([f"{end['verdict']}: {end['sentence']}".rstrip(": ")] if end else [])]


def heading(book: dict[str, Any]) -> str:
    """`20260822T100000Z-0a1b · lab · superpower · cloud · Music`."""
    sections = ", ".join(book["sections"]) or "all sections but photos"
    return " · ".join([book["run_id"], book["inventory"], book["profile"], book["monitoring"], sections])


def shown(path: Path) -> str:
    """A path as a person would type it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("../..") else relative


def _stages(book: dict[str, Any]) -> list[str]:
    lines = []
    for entry in (entry for entry in book["stages"] if entry["state"] != "skipped"):
        mark = MARKS.get(entry["state"], "?")
        detail = f"  {entry['detail'].splitlines()[0]}" if entry.get("detail") else ""
        lines.append(f" {mark} {entry['stage']:<10} {_spent(entry):>12}{detail}")
    skipped = [entry["stage"] for entry in book["stages"] if entry["state"] == "skipped"]
    return [*lines, f" {MARKS['skipped']} not begun: {' '.join(skipped)}"] if skipped else lines


def _spent(entry: dict[str, Any]) -> str:
    return duration(entry["seconds"]) if isinstance(entry.get("seconds"), int | float) else ""


def mount_lines(book: dict[str, Any]) -> list[str]:
    """What the guard of the mount did; nothing when nothing happened to the mount."""
    guard = book["results"].get("guard", {})
    said = stood_still(guard.get("windows", ()), guard.get("counts", {}))
    return [f"mount: {said}"] if said else []


def _files(run_dir: Path) -> list[str]:
    kept = {"databases": "export", "receipt": RECEIPT_NAME, "logs": "logs.tar.gz", "log": LOG_NAME}
    return [f"{what}: {shown(run_dir / name)}" for what, name in kept.items() if (run_dir / name).exists()]


def cost_lines(book: dict[str, Any]) -> list[str]:
    """What the machine has cost; nothing when none was rented or its price is not known."""
    machine = book["machine"]
    so_far = spent(machine, datetime.now(UTC))
    if so_far is None:
        return []
    price = machine["price"]
    return [f"cost: about {euros(so_far)} ({euros(price['hourly'])} an hour by {price['source']}, without VAT)"]


def machine_lines(book: dict[str, Any]) -> list[str]:
    """Whether a machine costs money, and the proof or the command."""
    machine = book["machine"]
    if may_own_a_machine(book):
        where = (
            ", ".join(str(machine[key]) for key in ("server_id", "address") if machine.get(key))
            or "known by its run only"
        )
        return [f"machine: may be running ({where}); remove it with: wrapper destroy {book['run_id']}"]
    if machine.get("gone_at"):
        return [f"machine: gone since {machine['gone_at']}, {_proof(machine.get('proof') or {})}"]
    return ["machine: none was rented"]


def _proof(proof: dict[str, Any]) -> str:
    """The proof in one line: what was asked for, and what was left of it."""
    if "ours" not in proof:
        return "proof in the ledger" if proof else "without a recorded proof"
    asked = len(proof.get("not_found") or ())
    where = f" in {proof['zone']}" if proof.get("zone") else ""
    return f"proof: {proof['ours']} resources of this run listed{where}, {asked} asked for by id and not found"
