# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The proof that nothing is left: 404 for every id we knew, and two empty listings of what is ours."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .ledger import utc_text
from .scaleway_client import Client, list_resources
from .scaleway_judgement import Identity


def prove(client: Client, identity: Identity, machine: dict[str, Any]) -> dict[str, Any] | None:
    """What was looked at, for the ledger; None when something of ours is still there after all.

    The project is listed whole and judged here; the run's tag is listed by the API, in one short page that
    cannot shift while it is read.
    """
    looks = {
        "project": list_resources(client, identity.zone, identity.project),
        "tag": list_resources(client, identity.zone, identity.project, identity.run_tag),
    }
    if any(ours_among(identity, machine, listed) for listed in looks.values()):
        return None
    not_found = []
    for path in known_paths(identity, machine):
        if client.call("GET", path, missing_ok=True).status != 404:
            return None
        not_found.append(path)
    return {
        "at": utc_text(datetime.now(UTC)),
        "zone": identity.zone,
        "project": identity.project,
        "name": identity.name,
        "tag": identity.run_tag,
        "ours": 0,
        "not_found": not_found,
        "listed": {word: {kind: len(rows) for kind, rows in look.items()} for word, look in looks.items()},
    }


def ours_among(
    identity: Identity, machine: dict[str, Any], listed: dict[str, list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """What of a listing is ours, of any kind."""
    return [
        *filter(identity.owns, listed["servers"]),
        *identity.our_volumes(machine, listed["volumes"] + listed["block_volumes"]),
        *identity.our_addresses(machine, listed["ips"]),
        *filter(identity.owns, listed["security_groups"]),
    ]


def known_paths(identity: Identity, machine: dict[str, Any]) -> list[str]:
    """Where the API would show the resources of the ledger; a volume is looked for in both APIs."""
    instance, block = f"/instance/v1/zones/{identity.zone}", f"/block/v1/zones/{identity.zone}"
    server = [f"{instance}/servers/{machine['server_id']}"] if machine.get("server_id") else []
    volumes = [f"{api}/volumes/{row['id']}" for row in machine.get("volumes") or [] for api in (instance, block)]
    return server + volumes
