# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The end of a machine: removed with proof, or named with the command that removes it."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from module_utils import ledger
from wrapper.cancel import Cancel
from wrapper.performer import Performed, Performer
from wrapper.stages import PROVISION, TEARDOWN
from wrapper.view import LineView, Outlet

Machine = Literal["none", "gone", "kept", "may be running"]


def teardown(performer: Performer, cancel: Cancel) -> tuple[Performed, Machine]:
    """Remove the machine. Nothing stops this: a further Ctrl-C is only told so."""
    heard = cancel.count

    def never() -> bool:
        nonlocal heard
        if cancel.count > heard:
            heard = cancel.count
            performer.note(
                "Still removing the machine, and not stopping before it is gone. "
                f"Should this process be killed: wrapper destroy {performer.run_dir.name}"
            )
        return False

    try:
        performed = performer.perform(TEARDOWN, never)
    except Exception:  # noqa: BLE001 - a screen that breaks must not cost a machine
        performer.log.write(f"the teardown broke, once more without a screen:\n{traceback.format_exc()}")
        performer.view = LineView(Outlet(StringIO()))
        performed = performer.perform(TEARDOWN, never)
    gone = performed.end == "done" and not ledger.may_be_running(ledger.read(performer.run_dir))
    return performed, "gone" if gone else "may be running"


def may_own_a_machine(book: dict[str, Any]) -> bool:
    """Whether anything may have been rented and not removed: an intent without proof, or the stage began at all."""
    if book["machine"].get("gone_at"):
        return False
    began = any(entry["stage"] == PROVISION.name and entry["state"] != "skipped" for entry in book["stages"])
    return ledger.may_be_running(book) or (began and book["state"] != "closed")


def close(run_dir: Path, changes: dict[str, Any], *, machine: Machine) -> None:
    """Write the end; the run stays open while it may own a machine."""
    state = "open" if machine in {"kept", "may be running"} else "closed"
    moment = ledger.utc_text(datetime.now(UTC))
    ledger.merge(run_dir, {**changes, "state": state, "finished_at": moment})
