# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper destroy`: remove the machine of a run whose wrapper is no longer there to do it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from module_utils import ledger
from wrapper import ballast, exits, inventory, orphans, report
from wrapper.cancel import counted_signals
from wrapper.controller_log import ControllerLog
from wrapper.exits import InputError
from wrapper.held import held
from wrapper.machine import close, may_own_a_machine, teardown
from wrapper.performer import Performer
from wrapper.playbook import Play, play
from wrapper.runs import named
from wrapper.stages import TEARDOWN
from wrapper.view import say, view_for


def destroy(
    root: Path, runs_dir: Path, given: str | None, player: Play | None = None, *, rented_from: str | None = None
) -> int:
    """Tear the run down; its exit code says whether a proof was had.

    rented_from: the inventory to look in for a run whose directory is gone; it is known by its tag then.
    """
    by_tag = bool(given and rented_from and not _tells(runs_dir / given))
    if by_tag:
        run_dir: Path | None = known_by_tag(root, runs_dir, str(given), str(rented_from))
    else:
        run_dir = named(runs_dir, given) if given else only_open(runs_dir)
    if run_dir is None:
        say(["No open run owns a machine; nothing to destroy."], sys.stdout)
        return exits.DONE
    with held(run_dir), counted_signals() as cancel, ControllerLog(run_dir) as log:
        # A killed wrapper leaves its playbook running; it must not create while we remove.
        orphans.reap(run_dir.name)
        ballast.drop(run_dir)
        book = ledger.read(run_dir)
        if not by_tag and not may_own_a_machine(book):
            close(run_dir, {}, machine="gone")
            say([f"Run {run_dir.name} owns no machine.", *report.machine_lines(book)], sys.stdout)
            return exits.DONE
        where = inventory.find(book.get("inventory_file") or book["inventory"], root)
        view = view_for(sys.stdout)
        view.open(f"destroy {report.heading(book)}", [TEARDOWN])
        extravars = {
            "burst_run_id": run_dir.name,
            "burst_runs_dir": str(runs_dir.resolve()),
            "profile": book["profile"],
            "monitoring": book["monitoring"],
            "burst_sections": book["sections"],
        }
        player = player or partial(play, root=root, run_id=run_dir.name)
        try:
            performed, machine = teardown(Performer(run_dir, where, extravars, player, view, log), cancel)
            close(run_dir, {}, machine=machine)
        finally:
            view.close()
            orphans.reap(run_dir.name)
        say(report.machine_lines(ledger.read(run_dir)), sys.stdout)
        if machine == "gone":
            return exits.DONE
        reason = performed.sentence or "there is no proof that the machine is gone"
        again = f"Log: {report.shown(log.path)}    Again: wrapper destroy {run_dir.name}"
        say([f"wrapper: {reason}", again], sys.stderr)
        return exits.MAY_BE_RUNNING


def known_by_tag(root: Path, runs_dir: Path, run_id: str, rented_from: str) -> Path:
    """A new ledger for a run of which only the id is left: its name and its tag follow from that."""
    ledger.checked_run_id(run_id)
    where = inventory.load(rented_from, root)
    if not where.rents:
        raise InputError(f'The inventory "{rented_from}" rents no machines; try --inventory scaleway.')
    unreadable = runs_dir / run_id / ledger.LEDGER_NAME
    if unreadable.exists():
        unreadable.replace(unreadable.with_suffix(".unreadable"))
    facts = {"inventory": where.name, "inventory_file": str(where.path), "profile": where.profile}
    return ledger.create(runs_dir, run_id, monitoring="cloud", **facts)


def _tells(run_dir: Path) -> bool:
    """Whether there is anything that says what a run rented."""
    try:
        ledger.read(run_dir)
    except ledger.LedgerError:
        # A name that is only the beginning of a run's is looked for in the usual way.
        return not (run_dir / ledger.LEDGER_NAME).exists() and bool(list(run_dir.parent.glob(f"{run_dir.name}?*")))
    return True


def only_open(runs_dir: Path) -> Path | None:
    """The only open run that may own a machine."""
    owners = [runs_dir / book["run_id"] for book in ledger.open_runs(runs_dir) if may_own_a_machine(book)]
    if len(owners) > 1:
        names = ", ".join(run_dir.name for run_dir in owners)
        raise InputError(f"{len(owners)} open runs may own a machine: {names}. Name one: wrapper destroy RUN")
    return owners[0] if owners else None
