"""The machine of a server: made with its address, user-data and keys when it is first powered on."""

from __future__ import annotations

from . import guest_network
from .addresses import addresses_of, dynamic_range
from .engine import EngineError
from .machine import seed_files
from .machine_faults import fault_files
from .simulator import Simulator, machine_name
from .ssh_keys import authorized_keys
from .store import Record


def _choose_address(simulator: Simulator, server: Record) -> str:
    """The reserved address of the server, else the lowest free dynamic one."""
    with simulator.store.lock:
        if server.get("wanted_address"):
            return str(server["wanted_address"])
        reserved = [ip["address"] for ip in addresses_of(simulator, server) if not ip["dynamic"]]
        taken = {other["machine_address"] for other in simulator.store.records("servers")}
        free = (host for host in dynamic_range(simulator) if host not in taken)
        address = reserved[0] if reserved else next(free, "")
    if not address:
        raise EngineError("The lab has no address left for another machine.")
    return address


def boot(simulator: Simulator, server: Record) -> None:
    """Start the server's machine, and make it first if there is none; EngineError if Docker refuses."""
    name = machine_name(simulator, server)
    if not server["machine_address"]:
        address = _choose_address(simulator, server)
        user_data = server["user_data"].get("cloud-init", "")
        with simulator.store.lock:
            keys = authorized_keys(simulator, server)
            files = seed_files(server["id"], server["name"], user_data, keys) | fault_files(simulator, server)
        simulator.driver.destroy(name)
        simulator.driver.create(name, server["name"], files, address)
        server["machine_address"] = address
    simulator.driver.start(name)
    guest_network.apply(simulator, server, fresh=True)
