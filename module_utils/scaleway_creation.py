# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Towards exactly one running machine: intent, adoption, creation, first boot.

The order is the promise: the ledger knows what may exist before it can exist, and knows its id right after.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from . import ledger as ledgers
from .scaleway_boot import boot, find, label_volumes, look_for, servers_path
from .scaleway_checks import Order, Wish, check_plan, work_ends_at
from .scaleway_client import Client
from .scaleway_errors import AmbiguousError, ScalewayError, refuse
from .scaleway_judgement import Identity, ownership
from .scaleway_security_group import ensure_security_group


def create(client: Client, identity: Identity, wish: Wish, image: str, group_id: str) -> dict[str, Any]:
    """Ask once; after an answer that never came, look for the machine instead of asking again."""
    body = {
        "name": identity.name,
        "commercial_type": wish.commercial_type,
        "image": image,
        "volumes": {"0": {"boot": False, "size": wish.volume_size, "volume_type": wish.volume_type}},
        "dynamic_ip_required": True,
        "boot_type": "local",
        "tags": list(wish.tags),
        "project": identity.project,
        "security_group": group_id,
    }
    try:
        answer = client.call("POST", servers_path(identity), body)
    except AmbiguousError as error:
        server = look_for(client, identity)
        if server:
            return server
        raise AmbiguousError(
            f'{error} Whether "{identity.name}" was created is not known: run again to adopt it, '
            f'or "wrapper destroy {identity.run_id}" to remove it.',
            error.answer,
        ) from error
    server = answer.body["server"]
    return dict(server)


def ensure_present(client: Client, identity: Identity, wish: Wish, run_dir: str, check: bool) -> dict[str, Any]:
    """One machine, powered on; returns before, server (None in a check that would create it), changed."""
    machine = ledgers.read(run_dir)["machine"]
    check_ledger(machine, identity)
    unanswered = machine.get("intent") and not machine.get("server_id") and not machine.get("refused")
    server = look_for(client, identity) if unanswered else find(client, identity, machine)
    before = server["state"] if server else "absent"
    if server is None and machine.get("server_id"):
        raise refuse(f"Machine {machine['server_id']} of run {identity.run_id} is gone; start a new run.")
    order = check_plan(client, identity, wish) if server is None else None
    if not check and order:
        remember_intent(run_dir, identity, wish, order)
    group_id, changed = ensure_security_group(client, identity, wish.tags, wish.ssh_from, check)
    if check:
        return {"changed": changed or before in ("absent", "stopped"), "before": before, "server": server}
    ledgers.merge(run_dir, {"machine": {"security_group_id": group_id}})
    if order:
        server = rent(client, identity, wish, run_dir, order.image)
    server = dict(server or {})
    remember(run_dir, server)
    if server["state"] == "stopped":
        label_volumes(client, identity, wish.tags, server)
        server = boot(client, identity, wish.cloud_init, server)
        remember(run_dir, server)
        changed = True
    return {"changed": changed, "before": before, "server": server}


def check_ledger(machine: dict[str, Any], identity: Identity) -> None:
    """Refuse to make a second machine for a run, or one that is not the run's."""
    if machine.get("gone_at"):
        gone = f"The machine of run {identity.run_id} is gone since {machine['gone_at']}"
        raise refuse(f"{gone}; start a new run.")
    intent = machine.get("intent") or {}
    for word, value in (("zone", identity.zone), ("project", identity.project), ("name", identity.name)):
        if intent.get(word, value) != value:
            raise refuse(f"Run {identity.run_id} means {word} {intent[word]}, not {value}; start a new run.")


def remember_intent(run_dir: str, identity: Identity, wish: Wish, order: Order) -> None:
    """Before anything is asked for: who will have to be looked for if we die now."""
    now = datetime.now(UTC)
    intent = {
        "name": identity.name,
        "zone": identity.zone,
        "project": identity.project,
        "commercial_type": wish.commercial_type,
        "at": ledgers.utc_text(now),
    }
    zones = dict.fromkeys([*(ledgers.read(run_dir)["machine"].get("zones") or []), identity.zone])
    facts: dict[str, Any] = {"intent": intent, "refused": None, "price": order.price, "zones": list(zones)}
    facts["work_ends_at"] = work_ends_at(now, wish.max_eur, order.price.get("hourly", 0.0), wish.expires_at)
    ledgers.merge(run_dir, {"machine": facts})


def rent(client: Client, identity: Identity, wish: Wish, run_dir: str, image: str) -> dict[str, Any]:
    """Create; a clear refusal is remembered, so that a teardown need not wait for a machine to appear."""
    group_id = ledgers.read(run_dir)["machine"]["security_group_id"]
    try:
        return create(client, identity, wish, image, group_id)
    except AmbiguousError:
        raise
    except ScalewayError as error:
        ledgers.merge(run_dir, {"machine": {"refused": str(error)}})
        raise


def remember(run_dir: str, server: dict[str, Any]) -> None:
    """Write what the server shows into the ledger."""
    machine = ledgers.read(run_dir)["machine"]
    ledgers.merge(run_dir, {"machine": ownership(machine, server)})
