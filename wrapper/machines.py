# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper ps`, `wrapper reap`, `wrapper estimate`: our machines and their price, by credentials alone."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from module_utils import prices
from wrapper import exits
from wrapper.ask import Answer, Question, ask
from wrapper.doctor import doctor
from wrapper.exits import InputError
from wrapper.plan import PROFILES
from wrapper.playbook import Play
from wrapper.view import say

__all__ = ["doctor", "estimate", "ps", "reap"]

COLUMNS = ("run", "zone", "state", "type", "age", "EUR/h", "EUR so far", "heartbeat", "verdict")

# What plex.tv said to it is told by the play; the machine is gone either way.
LEAVES_THE_ACCOUNT = (
    "Their Plex servers cost nothing. They leave the account's list of devices where its token is given (PLEX_TOKEN); "
    "where it is not, remove them in Plex under Settings, Authorized Devices."
)


def ps(root: Path, asked: Namespace, player: Play | None = None) -> int:
    """List the machines of all runs."""
    answer = _answered(ask(root, asked.inventory, Question("playbooks/machines.yml", "scaleway_runs", {}), player))
    rows = answer.result["runs"]
    if asked.json:
        say([json.dumps(rows, indent=2)], sys.stdout)
        return exits.DONE
    say(table(rows) if rows else ["There is no machine of ours, nor anything that belonged to one."], sys.stdout)
    return exits.DONE


def reap(root: Path, asked: Namespace, player: Play | None = None) -> int:
    """Remove what was forgotten; the exit code says whether something may still cost money."""
    extravars = {
        "scaleway_instance_reap_dry_run": asked.dry_run,
        **({} if asked.grace is None else {"scaleway_instance_reap_grace": asked.grace}),
    }
    answer = ask(root, asked.inventory, Question("playbooks/reap.yml", "scaleway_runs", extravars), player)
    rows = over_all_passes(answer.results)
    if "runs" not in answer.result:
        # Nobody knows what is there: for a timer's mail this is as bad as a machine that could not be removed.
        say([f"wrapper: {answer.sentence}"], sys.stderr)
        return exits.MAY_BE_RUNNING
    if asked.json:
        say([json.dumps({"dry_run": asked.dry_run, "ok": answer.ok, "runs": rows}, indent=2)], sys.stdout)
    else:
        say([_told(row, dry=asked.dry_run) for row in rows] or ["Nothing of ours is there."], sys.stdout)
        say([LEAVES_THE_ACCOUNT] if any(row.get("gone") for row in rows) else [], sys.stdout)
    if not answer.ok:
        say([f"wrapper: {answer.sentence}"], sys.stderr)
        return exits.MAY_BE_RUNNING
    return exits.DONE


def estimate(root: Path, asked: Namespace, player: Play | None = None) -> int:
    """Say what a run costs."""
    if asked.instance is not None and asked.instance not in PROFILES:
        raise InputError(f'Unknown --instance "{asked.instance}". Choose one of {", ".join(PROFILES)}.')
    if asked.hours <= 0:
        raise InputError(f"--hours {asked.hours:g}: a run takes more than no time; give the hours you expect.")
    extravars = {} if asked.instance is None else {"profile": asked.instance}
    question = Question("playbooks/estimate.yml", "scaleway_price", extravars)
    answer = _answered(ask(root, asked.inventory, question, player))
    found = answer.result
    total = prices.cost(float(found["price"]["hourly"]), asked.hours)
    if asked.json:
        facts = {word: found[word] for word in ("price", "storage_date", "commercial_type", "zone")}
        say([json.dumps({**facts, "hours": asked.hours, "eur": round(total, 4)}, indent=2)], sys.stdout)
        return exits.DONE
    say(estimate_lines(found, asked.hours), sys.stdout)
    return exits.DONE


def estimate_lines(found: Mapping[str, Any], hours: float) -> list[str]:
    """The price in lines: the parts, then what so many hours cost."""
    price = found["price"]
    names = {"compute": found["commercial_type"], "volume": "root volume", "address": "IPv4 address"}
    sources = {"compute": price["source"]}
    recorded = f"prices of {found['storage_date']}"
    total = prices.euros(prices.cost(float(price["hourly"]), hours))
    return [
        f"{found['commercial_type']} in {found['zone']}, EUR without VAT:",
        *(
            f"  {names[part]:<14} {price[part]:>9.5f} an hour  ({sources.get(part, recorded)})"
            for part in ("compute", "volume", "address")
        ),
        f"  {'together':<14} {price['hourly']:>9.5f} an hour",
        f"{hours:g} h cost {total}; an hour is billed at least. S3 traffic is not in it.",
    ]


def table(rows: list[Mapping[str, Any]]) -> list[str]:
    """One line per run."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(COLUMNS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    unknown = "" if row["price_known"] else "+?"
    return (
        str(row["run_id"]),
        str(row["zone"]),
        str(row["state"]),
        str(row["commercial_type"] or "-"),
        f"{row['age_hours']:.1f} h",
        f"{row['eur_hour']:.4f}{unknown}",
        f"{row['eur_so_far']:.2f}{unknown}",
        str(row["heartbeat_at"] or "-"),
        str(row["sentence"]),
    )


def over_all_passes(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The last row of each run; one that a later pass does not find any more is gone."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in results:
        now = {(row["run_id"], row["zone"]): dict(row) for row in result.get("runs", ())}
        # A pass that failed as a whole found nothing out.
        vanished = [row for key, row in rows.items() if key not in now and "runs" in result]
        for row in vanished:
            row["gone"] = True
        rows |= now
    return list(rows.values())


def _told(row: Mapping[str, Any], *, dry: bool) -> str:
    if row.get("problem"):
        what = str(row["problem"])
    elif row.get("gone"):
        what = "removed, nothing is left"
    else:
        done = "; ".join(row.get("done") or [])
        what = f"would {done}" if done and dry else done or str(row["sentence"])
    return f"{row['run_id']} in {row['zone']}: {what}"


def _answered(answer: Answer) -> Answer:
    if not answer.ok or not answer.result:
        raise InputError(answer.sentence or "The provider was not asked; try again with --debug.")
    return answer
