# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From a stopped server to a booting one, and what is tidied after."""

from __future__ import annotations

from typing import Any

from .scaleway_client import Client
from .scaleway_errors import AmbiguousError, refuse
from .scaleway_judgement import Identity, ipv4_of, project_of, root_volumes

# How often, with growing pauses, a call without an answer is looked after before giving up.
LOOKS = 5


def servers_path(identity: Identity) -> str:
    """Where the servers of the zone live."""
    return f"/instance/v1/zones/{identity.zone}/servers"


def find(client: Client, identity: Identity, machine: dict[str, Any]) -> dict[str, Any] | None:
    """Our server: by the id in the ledger, else by exact name, tag and project over all pages."""
    server_id = machine.get("server_id")
    if server_id:
        answer = client.call("GET", f"{servers_path(identity)}/{server_id}", missing_ok=True)
        if answer.status == 404:
            return None
        server: dict[str, Any] = answer.body["server"]
        if not identity.owns(server):
            raise refuse(
                f'Server {server_id} is called "{server.get("name")}" in project {project_of(server)}: '
                f'it is not "{identity.name}" of run {identity.run_id} and is left alone; correct the ledger.'
            )
        return server
    servers = client.list_all(servers_path(identity), "servers", {"project": identity.project})
    ours = [row for row in servers if identity.owns(row)]
    if len(ours) > 1:
        ids = ", ".join(row["id"] for row in ours)
        raise refuse(
            f"Run {identity.run_id} has {len(ours)} machines ({ids}); "
            f'"wrapper destroy {identity.run_id}" removes them all.'
        )
    return ours[0] if ours else None


def look_for(client: Client, identity: Identity) -> dict[str, Any] | None:
    """Look several times for a machine whose create call was never answered."""
    for look in range(LOOKS):
        server = find(client, identity, {})
        if server:
            return server
        client.pause(2.0**look / 2)
    return None


def label_volumes(client: Client, identity: Identity, tags: tuple[str, ...], server: dict[str, Any]) -> None:
    """Give the provider's untagged root volume our name and tags, so that it is found without a ledger."""
    for volume in root_volumes(server):
        api = "block" if volume.get("volume_type") == "sbs_volume" else "instance"
        path = f"/{api}/v1/zones/{identity.zone}/volumes/{volume['id']}"
        client.call("PATCH", path, {"name": identity.name, "tags": list(tags)})


def boot(client: Client, identity: Identity, cloud_init: str, server: dict[str, Any]) -> dict[str, Any]:
    """User-data first, then power; a power-on without an answer is looked at before it is repeated."""
    path = f"{servers_path(identity)}/{server['id']}"
    client.call("PATCH", f"{path}/user_data/cloud-init", cloud_init)
    for look in range(LOOKS):
        try:
            client.call("POST", f"{path}/action", {"action": "poweron"})
            break
        except AmbiguousError:
            client.pause(2.0**look / 2)
        server = client.call("GET", path).body["server"]
        if server["state"] != "stopped":
            break
    return dict(client.call("GET", path).body["server"])


def seal(client: Client, identity: Identity, server: dict[str, Any], check: bool) -> bool:
    """Delete the user-data, which holds the one-time host key; whether there was one."""
    path = f"{servers_path(identity)}/{server['id']}/user_data"
    keys = client.call("GET", path).body["user_data"]
    if "cloud-init" in keys and not check:
        client.call("DELETE", f"{path}/cloud-init", missing_ok=True)
    return "cloud-init" in keys


def is_ready(server: dict[str, Any]) -> bool:
    """Running, with an address to log in to; the operating system may still be booting."""
    return server.get("state") == "running" and ipv4_of(server) is not None
