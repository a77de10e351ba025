# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One pass over all runs of a project, with nothing but credentials: forgotten ones are marked, then removed.

Time is the provider's, read from its answers: the clock of whoever clears up may be wrong.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .scaleway_boot import servers_path
from .scaleway_client import Client, list_resources
from .scaleway_errors import ScalewayError
from .scaleway_runs import DOOMED_TAG, Found, Patience, described, judge, runs_among, tags_with
from .scaleway_teardown import Teardown


def survey(client: Client, zones: list[str], project: str) -> tuple[list[Found], dict[str, dict[str, Any]]]:
    """All runs of all zones, and the price lists of the zones that have any."""
    runs = [
        run for zone in dict.fromkeys(zones) for run in runs_among(list_resources(client, zone, project), project, zone)
    ]
    return runs, {zone: client.server_types(zone) for zone in sorted({run.identity.zone for run in runs})}


def listed(client: Client, zones: list[str], project: str, patience: Patience) -> list[dict[str, Any]]:
    """Every run as a row; nothing is changed."""
    runs, types = survey(client, zones, project)
    return [described(run, client.now(), patience, types[run.identity.zone]) for run in runs]


def reaped(client: Client, zones: list[str], project: str, patience: Patience, check: bool) -> dict[str, Any]:
    """One pass. finished means that nothing forgotten is on its way out; marked ones wait for a later call."""
    runs, types = survey(client, zones, project)
    rows = []
    for run in runs:
        row = described(run, client.now(), patience, types[run.identity.zone])
        try:
            row |= _treat(client, run, client.now(), patience, check)
        except ScalewayError as error:
            # One run that cannot be removed must not save the others.
            row |= {"problem": str(error), "done": []}
        rows.append(row)
    return {
        "changed": any(row["done"] for row in rows),
        "runs": rows,
        "finished": not any(row["verdict"] == "remove" and not row.get("gone") for row in rows),
        "left": sorted({row["run_id"] for row in rows if not row.get("gone")}),
        "problems": [f"{row['run_id']}: {row['problem']}" for row in rows if row.get("problem")],
        "message": "; ".join(told(row) for row in rows) or "nothing of ours is there",
    }


def _treat(client: Client, run: Found, now: datetime, patience: Patience, check: bool) -> dict[str, Any]:
    verdict, _ = judge(run, now, patience)
    match verdict:
        case "remove":
            # The listing is a moment old: whoever was heard of since is left alone.
            return _last_look(client, run, patience, check) or _remove(client, run, check)
        case "marked":
            return {"done": _mark(client, run, now, check)}
        case "alive":
            return {"done": _mark(client, run, None, check) if run.tagged(DOOMED_TAG) else []}
        case _:
            return {"done": []}


def _last_look(client: Client, run: Found, patience: Patience, check: bool) -> dict[str, Any] | None:
    if run.server is None:
        return None
    path = f"{servers_path(run.identity)}/{run.server['id']}"
    answer = client.call("GET", path, missing_ok=True)
    seen = answer.body["server"] if answer.ok else None
    if seen is None or not run.identity.owns(seen):
        return None
    again = Found(run.identity, {**run.rows, "servers": [seen]})
    verdict, sentence = judge(again, client.now(), patience)
    if verdict == "remove":
        return None
    done = _mark(client, again, None, check) if verdict in ("alive", "fresh") else []
    return {"verdict": verdict, "sentence": sentence, "done": done}


def _mark(client: Client, run: Found, when: datetime | None, check: bool) -> list[str]:
    """Set the mark of the first look, or take it away."""
    for server in run.rows["servers"]:
        if not check:
            tags = tags_with(server.get("tags") or [], DOOMED_TAG, when)
            client.call("PATCH", f"{servers_path(run.identity)}/{server['id']}", {"tags": tags})
    return [f"{'mark' if when else 'unmark'} server {server['id']}" for server in run.rows["servers"]]


def _remove(client: Client, run: Found, check: bool) -> dict[str, Any]:
    result = Teardown(client, run.identity, {}, check).run(lambda _facts: None)
    return {"done": result["done"], "waiting": result["waiting"], "gone": result["finished"]}


def told(row: dict[str, Any]) -> str:
    """One run in one line."""
    if row.get("problem"):
        what = row["problem"]
    elif row.get("gone"):
        what = "nothing is left"
    else:
        what = "; ".join([*row["done"], *(f"waiting for {what}" for what in row.get("waiting", []))]) or row["sentence"]
    return f"{row['run_id']} in {row['zone']}: {what}"
