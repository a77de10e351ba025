"""What happens to servers as time goes by: machines boot, stop, are shut down from inside, vanish.

Docker is spoken to without the store's lock, so that a slow container never makes the API wait.
Only one caller may take steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import guest_network
from .actions import plan
from .addresses import addresses_of, settle_dynamic
from .billing import settle
from .boot import boot
from .engine import EngineError
from .faults import strikes
from .machine import REBOOT_EXIT_CODE
from .security_groups import default_group
from .server_creation import add_server
from .server_view import STOPPED_IN_PLACE, volumes_of
from .servers import forget_server
from .simulator import Simulator, machine_name
from .store import Record
from .volumes import LOCAL

_BOOT_SECONDS = 1.5
_RETRY_SECONDS = 2.0
# A failing step of a lazy simulator is due again at once.
_STEPS_AT_ONCE = 4
_STRANGER = "33333333-3333-4333-8333-333333333333"
Report = Callable[[dict[str, Any]], None]


def take_due_steps(simulator: Simulator, report: Report) -> None:
    """Do every step whose time has come."""
    for server in _due(simulator):
        _take(simulator, server, report)


def _due(simulator: Simulator) -> list[Record]:
    with simulator.store.lock:
        now, servers = simulator.seconds(), simulator.store.records("servers")
        return [server for server in servers if server["step"] and server["step"]["due"] <= now]


def catch_up(simulator: Simulator) -> None:
    """In a lazy simulator, do what is due now, and what that makes due; the caller holds the store's lock."""
    if not simulator.lazy:
        return
    watch_machines(simulator, _unheard)
    for _ in range(_STEPS_AT_ONCE):
        if not _due(simulator):
            return
        take_due_steps(simulator, _unheard)


def _unheard(_event: dict[str, Any]) -> None:
    return None


def watch_machines(simulator: Simulator, report: Report) -> None:
    """See which running machines went down by themselves."""
    with simulator.store.lock:
        servers = simulator.store.records("servers")
    for server in servers:
        if _is_settled(server):
            try:
                _watch(simulator, server, report)
            except EngineError as error:
                report(_error(server, "watch", error))


def _is_settled(server: Record) -> bool:
    return server["state"] == "running" and server["step"] is None


def _error(server: Record, step: str, error: EngineError) -> dict[str, Any]:
    return {"event": "machine_error", "server": server["id"], "step": step, "error": str(error)}


def _take(simulator: Simulator, server: Record, report: Report) -> None:
    step = server["step"]["name"]
    work, conclude = _STEPS[step]
    failed = False
    try:
        work(simulator, server)
    except EngineError as error:
        failed = True
        report(_error(server, step, error))
    with simulator.store.lock:
        server["step"] = None
        if not failed:
            conclude(simulator, server)
        elif step in {"boot", "restart"}:
            # As on a node that could not be had: the server is stopped again.
            _stopped(simulator, server)
        else:
            plan(simulator, server, step, _RETRY_SECONDS)
        server["modification_date"] = simulator.now()
        settle(simulator)
        simulator.store.save()
    report({"event": "step", "server": server["id"], "step": step, "state": server["state"]})


def _watch(simulator: Simulator, server: Record, report: Report) -> None:
    """A guest that powers off leaves its server *stopped in place*, billed as ever; a reboot returns."""
    state = simulator.driver.state(machine_name(simulator, server))
    if state is not None and state.running:
        if guest_network.apply(simulator, server):
            report({"event": "network_changed", "server": server["id"]})
        return
    if state is not None and state.exit_code == REBOOT_EXIT_CODE:
        simulator.driver.start(machine_name(simulator, server))
        guest_network.apply(simulator, server, fresh=True)
        report({"event": "guest_rebooted", "server": server["id"]})
        return
    with simulator.store.lock:
        # The API may have been asked for something else in the meantime.
        if not _is_settled(server):
            return
        server.update(state=STOPPED_IN_PLACE, state_detail="", modification_date=simulator.now())
        simulator.store.save()
    report({"event": "guest_stopped", "server": server["id"]})


def _restart(simulator: Simulator, server: Record) -> None:
    simulator.driver.stop(machine_name(simulator, server))
    simulator.driver.start(machine_name(simulator, server))
    guest_network.apply(simulator, server, fresh=True)


def _stop(simulator: Simulator, server: Record) -> None:
    simulator.driver.stop(machine_name(simulator, server))


def _destroy(simulator: Simulator, server: Record) -> None:
    simulator.driver.destroy(machine_name(simulator, server))


def _nothing(_simulator: Simulator, _server: Record) -> None:
    return None


def _provisioned(simulator: Simulator, server: Record) -> None:
    location = {"zone_id": server["zone"], "platform_id": "14", "cluster_id": "35", "hypervisor_id": "1302"}
    server.update(state="starting", state_detail="provisioning node", location={**location, "node_id": "21"})
    plan(simulator, server, "run", _BOOT_SECONDS)


def _running(simulator: Simulator, server: Record) -> None:
    server.update(state="running", state_detail="booting kernel")
    settle_dynamic(simulator, server)


def _stopped(simulator: Simulator, server: Record) -> None:
    server.update(state="stopped", state_detail="", location=None)
    for address in addresses_of(simulator, server):
        if address["dynamic"]:
            simulator.store.remove("ips", address["id"])


def _halted(_simulator: Simulator, server: Record) -> None:
    server.update(state=STOPPED_IN_PLACE, state_detail="")


def _vanished(simulator: Simulator, server: Record) -> None:
    freed = [ip["address"] for ip in addresses_of(simulator, server) if ip["dynamic"]]
    local = [v["id"] for v in volumes_of(simulator, server) if v["volume_type"] == LOCAL]
    forget_server(simulator, server)
    for identifier in local:
        simulator.store.remove("volumes", identifier)
    if freed and strikes(simulator, "address_reused", server=server["name"]):
        _rent_to_a_stranger(simulator, server, freed[0])


def _rent_to_a_stranger(simulator: Simulator, former: Record, address: str) -> None:
    """Somebody else's machine boots at an address that was ours."""
    body = {"name": "stranger", "commercial_type": former["commercial_type"]}
    group = default_group(simulator, former["zone"], _STRANGER)["id"]
    server = add_server(simulator, former["zone"], _STRANGER, body, image=former["image"], group=group)
    server.update(wanted_address=address, state="starting", state_detail="allocating node")
    plan(simulator, server, "boot", 0.0)


Step = Callable[[Simulator, Record], None]
# The work of a step (slow, without the lock), and what is true afterwards.
_STEPS: dict[str, tuple[Step, Step]] = {
    "boot": (boot, _provisioned),
    "restart": (_restart, _provisioned),
    "run": (_nothing, _running),
    "power_off": (_stop, _stopped),
    "halt": (_stop, _halted),
    "destroy": (_destroy, _vanished),
}
