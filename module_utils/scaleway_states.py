# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of module scaleway_server: from its options to its result, one function each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import ledger as ledgers
from .scaleway_boot import find, is_ready, seal
from .scaleway_checks import Wish
from .scaleway_client import Client
from .scaleway_creation import remember
from .scaleway_errors import refuse
from .scaleway_judgement import Identity, boot_message, ipv4_of
from .scaleway_offers import ensure_somewhere
from .scaleway_teardown import Teardown


def reading(server: dict[str, Any], changed: bool = False) -> dict[str, Any]:
    """What a person and an until loop want to know of a server."""
    return {
        "changed": changed,
        "server": server,
        "address": ipv4_of(server),
        "ready": is_ready(server),
        "message": boot_message(server),
    }


def present(client: Client, identity: Identity, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Create or adopt, set user-data, power on."""
    wish = Wish(
        commercial_type=params["commercial_type"],
        volume_type=params["volume_type"],
        volume_size=params["volume_size"],
        image=params["image"],
        tags=tags_of(identity, params["expires_at"]),
        cloud_init=params["cloud_init"],
        ssh_from=tuple(params["ssh_from"]),
        fallbacks=tuple(
            (row["zone"] or identity.zone, row["commercial_type"] or params["commercial_type"])
            for row in params["fallbacks"]
        ),
        max_eur=params["max_eur"],
        expires_at=params["expires_at"] or "",
    )
    result = ensure_somewhere(client, identity, wish, params["run_dir"], check)
    server = result["server"]
    after = "powered on" if result["before"] in ("absent", "stopped") else result["before"]
    where = f"{result['commercial_type']} in {result['zone']}"
    what = f"{identity.name} ({where}, {wish.volume_size // 10**9} GB {wish.volume_type})"
    base = reading(server) if server else {"ready": False, "message": f"{what} would be created"}
    return {
        **base,
        "changed": result["changed"],
        "diff": {"before": f"{what}: {result['before']}\n", "after": f"{what}: {after}\n"},
    }


def tags_of(identity: Identity, expires_at: str | None) -> tuple[str, ...]:
    """The tags that every resource of the run carries."""
    expires = (f"plex-burst-expires={expires_at}",) if expires_at else ()
    return ("plex-burst", identity.run_tag, *expires)


def found(client: Client, identity: Identity, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Read; what the server shows (an address, at last) goes into the ledger."""
    server = _existing(client, identity, params)
    if not check:
        remember(params["run_dir"], server)
    return reading(server)


def sealed(client: Client, identity: Identity, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Delete the user-data."""
    server = _existing(client, identity, params)
    return reading(server, changed=seal(client, replace(identity, zone=server["zone"]), server, check))


def _existing(client: Client, identity: Identity, params: dict[str, Any]) -> dict[str, Any]:
    machine = ledgers.read(params["run_dir"])["machine"]
    identity = replace(identity, zone=(machine.get("intent") or {}).get("zone") or identity.zone)
    server = find(client, identity, machine)
    if server is None:
        raise refuse(f'There is no server "{identity.name}" in {identity.zone}; the stage provision makes one.')
    return server


def absent(client: Client, identity: Identity, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """One pass towards nothing; with the ledger when there is one, else from name, tag and project."""
    run_dir = params["run_dir"]
    known, problem = _ledger_if_readable(run_dir)
    machine = known["machine"] if known else {}
    intent = machine.get("intent") or {}

    def remember_facts(facts: dict[str, Any]) -> None:
        if known and not check:
            ledgers.merge(run_dir, {"machine": facts})

    passes = [
        Teardown(client, replace(identity, zone=zone), machine if zone == home else {"switch_key": "refused"}, check)
        for home in [intent.get("zone") or identity.zone]
        for zone in zones_of(identity, machine, params["zones"])
    ]
    results = [one.run(remember_facts) for one in passes]
    result: dict[str, Any] = {
        "done": [what for found in results for what in found["done"]],
        "waiting": [what for found in results for what in found["waiting"]],
        "finished": all(found["finished"] for found in results),
        "proof": one_proof([found["proof"] for found in results]),
    }
    changed = bool(result["done"])
    if result["finished"] and known and not check and (intent or machine.get("server_id")):
        gone_at = machine.get("gone_at") or ledgers.utc_text(datetime.now(UTC))
        changed = changed or not machine.get("gone_at")
        if changed:
            remember_facts({"gone_at": gone_at, "proof": result["proof"]})
    message = (
        f"nothing of {identity.name} is left"
        if result["finished"]
        else "; ".join([*result["done"], *(f"waiting for {what}" for what in result["waiting"])])
    )
    if problem:
        message = f"{message} ({problem} Worked from name, tag and project.)"
    return {**result, "changed": changed, "message": message, "diff": _removals(result["done"])}


def zones_of(identity: Identity, machine: dict[str, Any], zones: list[str]) -> list[str]:
    """Where the run may have something: where it asked, by its ledger; without one, in every zone that is given."""
    asked = [(machine.get("intent") or {}).get("zone"), *(machine.get("zones") or [])]
    return list(dict.fromkeys(zone for zone in asked if zone) or dict.fromkeys([identity.zone, *zones]))


def one_proof(proofs: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """The proofs of all zones as one; None while one is missing."""
    whole = [proof for proof in proofs if proof]
    if len(whole) < len(proofs):
        return None
    return {
        **whole[0],
        "zone": ", ".join(proof["zone"] for proof in whole),
        "ours": sum(proof["ours"] for proof in whole),
        "not_found": [path for proof in whole for path in proof["not_found"]],
        "listed": whole[0]["listed"] if len(whole) == 1 else {proof["zone"]: proof["listed"] for proof in whole},
    }


def _ledger_if_readable(run_dir: str | None) -> tuple[dict[str, Any] | None, str]:
    """A teardown must not fail because the ledger did; what was wrong is said in the message."""
    if not run_dir or not (Path(run_dir) / ledgers.LEDGER_NAME).exists():
        return None, ""
    try:
        return ledgers.read(run_dir), ""
    except ledgers.LedgerError as error:
        return None, str(error)


def _removals(done: list[str]) -> dict[str, str]:
    return {"before": "".join(f"{what}\n" for what in done), "after": ""}
