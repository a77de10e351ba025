# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper runs` and `wrapper show`: look, change nothing. Also: which run a command means."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from module_utils import ledger
from wrapper import exits, report
from wrapper.exits import InputError
from wrapper.held import holder
from wrapper.view import say


def run_dirs(runs_dir: Path) -> list[Path]:
    """All runs that have a ledger, oldest first."""
    if not runs_dir.is_dir():
        return []
    return sorted(
        path.parent for path in runs_dir.glob(f"*/{ledger.LEDGER_NAME}") if ledger.RUN_ID.fullmatch(path.parent.name)
    )


def named(runs_dir: Path, given: str) -> Path:
    """The run that was named, by its id or the beginning of it."""
    known = run_dirs(runs_dir)
    matching = [path for path in known if path.name.startswith(given)]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(path.name for path in (matching or known)[-5:]) or "none yet"
    problem = f'"{given}" fits several runs' if matching else f'There is no run "{given}" in {report.shown(runs_dir)}'
    raise InputError(f"{problem}; known: {names}. All of them: wrapper runs")


def list_runs(runs_dir: Path, *, as_json: bool) -> int:
    """Print one line per run."""
    rows = [_row(path) for path in run_dirs(runs_dir)]
    if as_json:
        say([json.dumps(rows, indent=2)], sys.stdout)
        return exits.DONE
    if not rows:
        say([f"There is no run in {report.shown(runs_dir)}; wrapper run starts one."], sys.stdout)
        return exits.DONE
    columns = ("run_id", "state", "verdict", "machine", "inventory", "profile", "sections")
    table = [columns, *(tuple(str(row[column]) for column in columns) for row in rows)]
    widths = [max(len(line[index]) for line in table) for index in range(len(columns))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in table)
    say(["  ".join(cells).rstrip() for cells in padded], sys.stdout)
    return exits.DONE


def show(runs_dir: Path, given: str | None, *, as_json: bool) -> int:
    """Print one run: the last one if none is named."""
    known = run_dirs(runs_dir)
    if given is None and not known:
        raise InputError(f"There is no run in {report.shown(runs_dir)}; wrapper run starts one.")
    run_dir = known[-1] if given is None else named(runs_dir, given)
    lines = [json.dumps(report.facts(run_dir), indent=2)] if as_json else report.told(run_dir)
    say(lines, sys.stdout)
    return exits.DONE


def _row(run_dir: Path) -> dict[str, Any]:
    """One run as a row; a ledger that cannot be read is said to be so, not left out."""
    try:
        book = ledger.read(run_dir)
    except ledger.LedgerError as error:
        unknown = dict.fromkeys(("verdict", "machine", "inventory", "profile"), "?")
        return {"run_id": run_dir.name, "state": "unreadable", **unknown, "sections": str(error)}
    driver = holder(run_dir)
    return {
        "run_id": book["run_id"],
        "state": f"running (process {driver})" if driver else book["state"],
        "verdict": book["results"].get("run", {}).get("verdict", "-"),
        "machine": report.machine_state(book),
        "inventory": book["inventory"],
        "profile": book["profile"],
        "sections": ", ".join(book["sections"]) or "-",
    }
