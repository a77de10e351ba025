# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the machine is had when the first choice is out of stock: one place after another, nothing left behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import ledger as ledgers
from .scaleway_checks import Wish
from .scaleway_client import Client
from .scaleway_creation import ensure_present
from .scaleway_errors import ScalewayError, refuse
from .scaleway_judgement import Identity
from .scaleway_teardown import Teardown

# Passes until what an order out of stock left (a stopped server, its volume, its group) is gone.
PASSES = 20


def offers(identity: Identity, wish: Wish, machine: dict[str, Any]) -> list[tuple[Identity, Wish]]:
    """What to ask for, in order; a run that has asked already stays with the place that it asked in."""
    places = dict.fromkeys([(identity.zone, wish.commercial_type), *wish.fallbacks])
    found = [
        (replace(identity, zone=zone), replace(wish, commercial_type=commercial_type))
        for zone, commercial_type in places
    ]
    intent = machine.get("intent") or {}
    meant = (intent.get("zone"), intent.get("commercial_type"))
    return [(here, asked) for here, asked in found if (here.zone, asked.commercial_type) == meant] or (
        found[:1] if intent else found
    )


def ensure_somewhere(client: Client, identity: Identity, wish: Wish, run_dir: str, check: bool) -> dict[str, Any]:
    """As ensure_present, in the first place that has the machine; the result says where and what."""
    tried = []
    for here, asked in offers(identity, wish, ledgers.read(run_dir)["machine"]):
        try:
            made = ensure_present(client, here, asked, run_dir, check)
        except ScalewayError as error:
            if error.answer.kind != "out_of_stock":
                raise
            tried.append(f"{asked.commercial_type} in {here.zone}")
            if not check:
                give_back(client, here, run_dir, str(error))
            continue
        return {**made, "zone": here.zone, "commercial_type": asked.commercial_type}
    raise refuse(
        f"Scaleway is out of stock: {', '.join(tried)}. Try later, another zone (SCW_DEFAULT_ZONE) or another profile; "
        "scaleway_instance_fallbacks lists where else to ask."
    )


def give_back(client: Client, identity: Identity, run_dir: str, reason: str) -> None:
    """Remove what the order left, and forget that a machine was meant here."""
    ledgers.merge(run_dir, {"machine": {"refused": reason}})
    for attempt in range(PASSES):
        machine = ledgers.read(run_dir)["machine"]
        found = Teardown(client, identity, machine).run(lambda facts: _remember(run_dir, facts))
        if found["finished"]:
            break
        client.pause(min(0.5 * 2**attempt, 5.0))
    else:
        raise refuse(f"{reason} What this order left is not gone yet: {'; '.join(found['waiting'])}.")
    # The zone stays among those asked: whoever removes the run looks there, too.
    nothing: dict[str, Any] = dict.fromkeys(("intent", "server_id", "security_group_id", "address", "price"))
    ledgers.merge(run_dir, {"machine": {**nothing, "volumes": [], "addresses": []}})


def _remember(run_dir: str, facts: dict[str, Any]) -> None:
    ledgers.merge(run_dir, {"machine": facts})
