"""What everything costs: a meter runs for each resource from its first moment to its last.

Prices: computing as recorded by zone (2026-07-30); storage and addresses from the provider's documentation (2025-03).
Each period of a resource costs at least one hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .routing import Response, route
from .server_view import volumes_of
from .simulator import Simulator, new_id
from .store import Record
from .volumes import LOCAL

RUN_TAG = "plex-burst-run="
MINIMUM_HOURS = 1.0
_GIGABYTE = 10**9
LOCAL_GIGABYTE_HOUR = 0.000044
BLOCK_GIGABYTE_HOUR = 0.000118
ADDRESS_HOUR = 0.004


@dataclass(frozen=True)
class Charge:
    """What costs money now: EUR for each hour; `run` by its own tag or else by its server's."""

    resource: str
    kind: str
    name: str
    project: str
    zone: str
    hourly: float
    tagged: bool
    run: str


def _run(tags: list[str]) -> str:
    return next((tag.removeprefix(RUN_TAG) for tag in tags if tag.startswith(RUN_TAG)), "")


def _charge(kind: str, record: Record, hourly: float, name: str, run: str = "") -> Charge:
    own = _run(record["tags"])
    return Charge(record["id"], kind, name, record["project"], record["zone"], hourly, tagged=bool(own), run=own or run)


def charges(simulator: Simulator) -> list[Charge]:
    """Everything that costs money at this moment."""
    found = []
    run_of_server: dict[str, str] = {}
    run_of_volume: dict[str, str] = {}
    for server in simulator.store.records("servers"):
        run_of_server[server["id"]] = _run(server["tags"])
        run_of_volume.update({volume["id"]: _run(server["tags"]) for volume in volumes_of(simulator, server)})
        # Only a stopped server computes for free: what was shut down in the guest is billed as if it ran.
        if server["state"] != "stopped":
            hourly = simulator.catalogue.hourly_price(server["zone"], server["commercial_type"])
            found.append(_charge("server", server, hourly, f"{server['name']} {server['commercial_type']}"))
    for volume in simulator.store.records("volumes"):
        factor = simulator.catalogue.price_factor(volume["zone"])
        rate = LOCAL_GIGABYTE_HOUR if volume["volume_type"] == LOCAL else BLOCK_GIGABYTE_HOUR * factor
        size = volume["size"] / _GIGABYTE
        name = f"{volume['name']} {volume['volume_type']} {size:g} GB"
        found.append(_charge("volume", volume, rate * size, name, run_of_volume.get(volume["id"], "")))
    for address in simulator.store.records("ips"):
        if address["type"] == "routed_ipv4":
            run = run_of_server.get(address["server"] or "", "")
            found.append(_charge("ip", address, ADDRESS_HOUR, address["address"], run))
    return found


def settle(simulator: Simulator) -> None:
    """Start meters of what is new, stop those of what is gone."""
    now = simulator.seconds()
    running = {meter["resource"]: meter for meter in simulator.store.records("meters") if meter["ended"] is None}
    current = {charge.resource: charge for charge in charges(simulator)}
    for resource, meter in running.items():
        charge = current.get(resource)
        if charge is None or charge.hourly != meter["hourly"]:
            meter["ended"] = now
        elif charge.run and not meter["run"]:
            meter["run"] = charge.run
    for resource, charge in current.items():
        meter_of_it = running.get(resource)
        if meter_of_it is None or meter_of_it["ended"] is not None:
            simulator.store.add("meters", {"id": new_id(), "began": now, "ended": None, **vars(charge)})


def bill(simulator: Simulator) -> dict[str, Any]:
    """Every metered period, oldest first, and what each run cost; `run` is empty for what no tag leads to."""
    now = simulator.seconds()
    lines: list[dict[str, Any]] = []
    for meter in reversed(simulator.store.records("meters")):
        hours = ((meter["ended"] or now) - meter["began"]) / 3600
        billed = max(hours, MINIMUM_HOURS)
        shown = ("run", "kind", "name", "resource", "zone", "tagged", "hourly")
        lines.append(
            {key: meter[key] for key in shown}
            | {"hours": round(hours, 4), "billed_hours": round(billed, 4)}
            | {"euros": round(billed * meter["hourly"], 6), "running": meter["ended"] is None}
        )
    runs: dict[str, float] = {}
    for line in lines:
        runs[line["run"]] = round(runs.get(line["run"], 0.0) + line["euros"], 6)
    return {"lines": lines, "runs": runs, "total": round(sum(runs.values()), 6)}


ROUTES = (route("GET", "/_lab/bill", lambda simulator, _: Response(200, bill(simulator)), public=True),)
