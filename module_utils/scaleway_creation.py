# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Towards exactly one running machine: intent, adoption, creation, first boot.

The order is the promise: the ledger knows what may exist before it can exist, and knows its id right after.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from . import ledger as ledgers
from .prices import machine_price
from .scaleway_boot import boot, find, label_volumes, look_for, servers_path
from .scaleway_client import Client, list_resources
from .scaleway_errors import AmbiguousError, Answer, ScalewayError, refuse
from .scaleway_judgement import UUID, Identity, choose_image, ownership, type_problem
from .scaleway_security_group import ensure_security_group

# A clock that is wrong by more would end the machine, its key and its tag at another time than meant.
MOST_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class Wish:
    """The machine as it should be; fallbacks are the (zone, type) to try, in order, when it is out of stock."""

    commercial_type: str
    volume_type: str
    volume_size: int
    image: str
    tags: tuple[str, ...]
    cloud_init: str
    ssh_from: tuple[str, ...]
    fallbacks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Order:
    """What was found out before asking: the image to boot from, and the price."""

    image: str
    price: dict[str, Any]


def check_plan(client: Client, identity: Identity, wish: Wish) -> Order:
    """Everything that can be known to fail before anything is created."""
    list_resources(client, identity.zone, identity.project)
    check_clocks(client)
    types = client.server_types(identity.zone)
    problem = type_problem(types, identity.zone, wish.commercial_type, wish.volume_type, wish.volume_size)
    if problem:
        raise refuse(problem)
    if client.availability(identity.zone).get(wish.commercial_type) == "shortage":
        body = {"type": "out_of_stock", "resource": wish.commercial_type}
        sentence = f"{wish.commercial_type} is out of stock in {identity.zone}; choose another profile or zone."
        raise ScalewayError(sentence, Answer(412, body))
    price = machine_price(identity.zone, wish.commercial_type, wish.volume_type, wish.volume_size, types)
    facts = price.as_facts() if price else {}
    if UUID.fullmatch(wish.image):
        return Order(wish.image, facts)
    query = {"image_label": wish.image, "zone": identity.zone}
    images = client.list_all("/marketplace/v2/local-images", "local_images", query)
    image = choose_image(images, wish.commercial_type, wish.volume_type)
    if image is None:
        raise refuse(
            f'Zone {identity.zone} has no x86_64 image "{wish.image}" for {wish.commercial_type} on '
            f"{wish.volume_type}; scaleway_instance_image takes a marketplace label such as debian_bookworm."
        )
    return Order(image, facts)


def check_clocks(client: Client) -> None:
    """The end of the run's time is written by our clock and read by the provider's and the machine's."""
    if abs(client.skew) > MOST_SKEW:
        ahead = "behind" if client.skew > timedelta(0) else "ahead of"
        raise refuse(
            f"The clock of this computer is {abs(client.skew).total_seconds() / 60:.0f} min {ahead} Scaleway's, so the "
            "machine's end would be wrong; set it, for instance with: timedatectl set-ntp true"
        )


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
    intent = {
        "name": identity.name,
        "zone": identity.zone,
        "project": identity.project,
        "commercial_type": wish.commercial_type,
        "at": ledgers.utc_text(datetime.now(UTC)),
    }
    zones = dict.fromkeys([*(ledgers.read(run_dir)["machine"].get("zones") or []), identity.zone])
    facts = {"intent": intent, "refused": None, "price": order.price, "zones": list(zones)}
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
