# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Towards nothing: one pass over what is left.

A pass does every step that can be done now and names what it waits for. 404 is success everywhere. What is
ours is known from the ledger and from the listings together, so either may be missing; a resource that is not
ours by name, tag and project is never touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from .prices import euros, resource_price
from .scaleway_boot import label_volumes, servers_path
from .scaleway_client import Client, list_resources
from .scaleway_errors import AmbiguousError, ScalewayError, refuse
from .scaleway_judgement import Identity, ownership, server_step, volume_step
from .scaleway_key import may_not, remove_all
from .scaleway_proof import prove

# A create call that was never answered may still have made a machine; until then its absence proves nothing.
UNANSWERED_GRACE = 30.0
# Refusals that time heals: the provider still holds the resource.
BUSY = (409, 412)
SUPPORT = "https://console.scaleway.com/support/tickets"
CONSOLE = "https://console.scaleway.com"
# Where a person finds each kind of listing in the console.
CONSOLE_PATHS = {
    "servers": "instance/servers",
    "volumes": "instance/volumes",
    "block_volumes": "block-storage/volumes",
    "ips": "instance/ips",
    "security_groups": "instance/security-groups",
}


@dataclass
class Teardown:
    """One pass: what it did, what it waits for, what was refused."""

    client: Client
    identity: Identity
    machine: dict[str, Any]
    check: bool = False
    done: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self, remember: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Do the pass. finished means proven: nothing of ours by id, by tag or by name."""
        listed = list_resources(self.client, self.identity.zone, self.identity.project)
        servers = self._our_servers(listed["servers"])
        for server in servers:
            facts = ownership(self.machine, server)
            facts["server_id"] = self.machine.get("server_id") or server["id"]
            # A machine that turned up after the proof takes the proof back.
            facts["gone_at"] = None
            self.machine = {**self.machine, **facts}
            remember(facts)
        for server in servers:
            self._remove_server(server)
        if not servers:
            self._remove_leftovers(listed)
            self._wait_for_unanswered(self.client.now())
        if self.refused:
            raise refuse(f"Not removed, and it may cost money: {' '.join(self.refused)}")
        proof = None
        if not (self.done or self.waiting):
            proof = prove(self.client, self.identity, self.machine)
        return {"finished": proof is not None, "done": self.done, "waiting": self.waiting, "proof": proof}

    def _our_servers(self, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """By exact name, tag and project; the one the ledger names is asked for by id, listings may lag."""
        servers = {row["id"]: row for row in listed if self.identity.owns(row)}
        server_id = self.machine.get("server_id")
        if server_id and server_id not in servers:
            path = f"{servers_path(self.identity)}/{server_id}"
            answer = self.client.call("GET", path, missing_ok=True)
            if answer.ok and not self.identity.owns(answer.body["server"]):
                raise refuse(
                    f'Server {server_id} is called "{answer.body["server"].get("name")}": it is not '
                    f'"{self.identity.name}" of run {self.identity.run_id} and is left alone; correct the ledger.'
                )
            if answer.ok:
                servers[server_id] = answer.body["server"]
        return list(servers.values())

    def _remove_server(self, server: dict[str, Any]) -> None:
        path = f"{servers_path(self.identity)}/{server['id']}"
        what = f"server {server['id']} ({server['state']})"
        step = server_step(server)
        if step in ("terminate", "delete") and not self.check:
            # Block volumes stay: with the server's tags they are found without a ledger, and by their own end.
            label_volumes(self.client, self.identity, tuple(server["tags"]), server)
        match step:
            case "terminate":
                body = {"action": "terminate"}
                self._remove("POST", f"{path}/action", f"terminate {what}", ("servers", server), body)
            case "delete":
                self._remove("DELETE", path, f"delete {what}", ("servers", server))
            case "locked":
                self.refused.append(
                    f"{what} is locked by Scaleway, open a ticket at {SUPPORT}{self._costs('servers', server)}."
                )
            case _:
                self.waiting.append(f"{what}{self._costs('servers', server)}")

    def _remove_leftovers(self, listed: dict[str, list[dict[str, Any]]]) -> None:
        """What terminate and DELETE leave behind; only when no server is left to hold it."""
        instance = f"/instance/v1/zones/{self.identity.zone}"
        block = f"/block/v1/zones/{self.identity.zone}"
        for kind, api in (("volumes", instance), ("block_volumes", block)):
            for volume in self.identity.our_volumes(self.machine, listed[kind]):
                what = f"volume {volume['id']}"
                if volume_step(volume) == "wait":
                    state = volume.get("status", volume.get("state"))
                    self.waiting.append(f"{what} ({state}){self._costs(kind, volume)}")
                else:
                    self._remove("DELETE", f"{api}/volumes/{volume['id']}", f"delete {what}", (kind, volume))
        for row in self.identity.our_addresses(self.machine, listed["ips"]):
            self._remove("DELETE", f"{instance}/ips/{row['id']}", f"delete address {row.get('address')}", ("ips", row))
        if not self._remove_switch_key(listed):
            # The group goes last: by its tag a later look finds what is left.
            return
        for row in filter(self.identity.owns, listed["security_groups"]):
            path = f"{instance}/security_groups/{row['id']}"
            self._remove("DELETE", path, f"delete security group {row['id']}", ("security_groups", row))

    def _remove_switch_key(self, listed: dict[str, list[dict[str, Any]]]) -> bool:
        """The key of the dead-man switch, unless the ledger says that none was asked for; False when it stays."""
        asked = self.machine.get("switch_key")
        # Every project has a group of its own from the start, which knows its organization.
        known = next((row["organization"] for row in listed["security_groups"] if row.get("organization")), None)
        organization = self.machine.get("organization") or known
        if not organization or asked == "refused" or (self.machine.get("intent") and not asked):
            return True
        try:
            self.done += remove_all(self.client, self.identity, organization, self.check)
        except ScalewayError as error:
            if may_not(error) and not asked:
                # Who may not look cannot have made one.
                return True
            self.refused.append(f"the API key of the dead-man switch, {CONSOLE}/iam/api-keys: {error}")
            return False
        return True

    def _remove(
        self, method: str, path: str, what: str, row: tuple[str, dict[str, Any]], body: dict[str, Any] | None = None
    ) -> None:
        """One removal; gone already is done, busy or unanswered is looked at again in the next pass."""
        if self.check:
            self.done.append(what)
            return
        try:
            self.client.call(method, path, body, missing_ok=True)
            self.done.append(what)
        except AmbiguousError as error:
            self.waiting.append(f"{what}: {error}")
        except ScalewayError as error:
            busy = error.answer.status in BUSY
            (self.waiting if busy else self.refused).append(f"{what}{self._costs(*row)}: {error}")

    def _costs(self, kind: str, row: dict[str, Any]) -> str:
        """What it costs while it is there, and where a person can remove it."""
        price = resource_price(kind, row, self.identity.zone, {})
        known = "at a price that is not known" if price is None else f"{euros(price)} an hour"
        return f", {known}, {CONSOLE}/{CONSOLE_PATHS[kind]}"

    def _wait_for_unanswered(self, now: datetime) -> None:
        intent = self.machine.get("intent")
        if not intent or any(self.machine.get(word) for word in ("server_id", "refused", "gone_at")):
            return
        asked = datetime.strptime(intent["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        left = UNANSWERED_GRACE - (now - asked).total_seconds()
        if left > 0:
            self.waiting.append(f"{left:.0f} s more for a machine that an unanswered create call may have made")
