# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper run`: from a plan to an ending, with a ledger before anything else."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from module_utils import ledger
from wrapper import orphans, report
from wrapper.cancel import counted_signals
from wrapper.claim import Claim
from wrapper.conduct import Conductor
from wrapper.controller_log import ControllerLog
from wrapper.ending import Ending
from wrapper.held import held
from wrapper.performer import Performer
from wrapper.plan import Plan
from wrapper.playbook import Play, play
from wrapper.stages import stages_for
from wrapper.view import say, view_for


def describe(plan: Plan) -> list[str]:
    """The plan in lines, for --dry-run."""
    lines = [
        f"inventory:  {plan.inventory.name} ({'rents' if plan.inventory.rents else 'uses'} a machine)",
        f"instance:   {plan.profile}",
        f"monitoring: {plan.monitoring}",
        f"sections:   {', '.join(plan.sections) or 'all but photos, which are scanned only when named'}",
        *(
            [f"libraries:  {plan.libraries} (from scratch)"]
            if plan.libraries
            else [
                f"archive:    {plan.archive or 'as group_vars or BURST_ARCHIVE say'}",
                f"mappings:   {plan.path_mappings or 'as group_vars or BURST_PATH_MAPPINGS say'}",
            ]
        ),
        *([] if plan.max_eur is None else [f"at most:    {plan.max_eur:g} EUR"]),
        "stages:",
    ]
    for stage in stages_for(rents=plan.inventory.rents):
        left_out = "  (not played: --keep)" if plan.keep and stage.name == "teardown" else ""
        lines.append(f"  {stage.playbook:<26} {stage.purpose}{left_out}")
    return [*lines, "Nothing was done."]


def run(plan: Plan, *, as_json: bool = False, verbosity: int = 0, player: Play | None = None) -> int:
    """Do the run and report it. InputError when a claim code is needed and nobody gives one."""
    claim = Claim() if plan.inventory.rents and not plan.inventory.knows_account else None
    if claim:
        claim.give_first()
    run_id = ledger.new_run_id(datetime.now(UTC), secrets.token_hex(2))
    run_dir = ledger.create(
        plan.runs_dir,
        run_id,
        inventory=plan.inventory.name,
        inventory_file=str(plan.inventory.path),
        profile=plan.profile,
        monitoring=plan.monitoring,
        sections=list(plan.sections),
    )
    # With --json, standard output is for the machine that reads it.
    screen = sys.stderr if as_json else sys.stdout
    # Signals are counted to the very end: a Ctrl-C at the report must not change the exit code.
    with counted_signals() as cancel:
        with held(run_dir), ControllerLog(run_dir, secrets=plan.inventory.secrets) as log:
            view = view_for(screen)
            log.write(f"run {run_id}: {json.dumps(plan.extravars(run_id), ensure_ascii=False)}")
            view.open(report.heading(ledger.read(run_dir)), stages_for(rents=plan.inventory.rents))
            player = player or partial(play, root=plan.root, run_id=run_id, verbosity=verbosity)
            player = claim.before(player, view.aside) if claim else player
            performer = Performer(run_dir, plan.inventory.path, plan.extravars(run_id), player, view, log)
            try:
                ending = Conductor(performer, cancel, rents=plan.inventory.rents, keep=plan.keep).conduct()
            finally:
                view.close()
                # SSH connections that Ansible keeps open for the next stage.
                orphans.reap(run_id)
            log.write(f"run {run_id}: {ending.verdict}, exit code {ending.code}")
        say(_result(run_dir, as_json=as_json), sys.stdout)
        say(last_words(ending, run_dir), sys.stderr if ending.code else screen)
    return ending.code


def _result(run_dir: Path, *, as_json: bool) -> list[str]:
    try:
        return [json.dumps(report.facts(run_dir), indent=2)] if as_json else report.report(run_dir)
    except ledger.LedgerError as error:
        return [str(error)]


def _spoken(verdict: str) -> str:
    return verdict.replace("_", " ")


def last_words(ending: Ending, run_dir: Path) -> list[str]:
    """What a person must know last: why, where the log is, and the command if a machine is left."""
    lines = []
    if ending.failure:
        lines.append(f"wrapper: {ending.failed_stage} {_spoken(ending.verdict)}: {ending.failure}")
    elif ending.canceled_in:
        lines.append(f"wrapper: canceled in {ending.canceled_in}")
    elif ending.partial:
        lines.append(f"wrapper: {_spoken(ending.verdict)}: {ending.partial}")
    lines.append(f"Log: {report.shown(run_dir / 'controller.log')}    Again: wrapper show {run_dir.name}")
    if ending.machine == "kept":
        lines.append(f"The machine was kept and costs money until: wrapper destroy {run_dir.name}")
    if ending.machine == "may be running":
        lines.append(f"THE MACHINE MAY STILL BE RUNNING and cost money. Remove it with: wrapper destroy {run_dir.name}")
    return lines
