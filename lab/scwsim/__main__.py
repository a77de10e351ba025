"""Run the stand-in: `python3 -m scwsim`, configured by the environment (see docs/lab.md)."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from .catalogue import Catalogue
from .engine import Engine
from .http_server import RequestLog, SimulatorServer
from .machine import MachineDriver, MachineOptions
from .paper import PaperDriver
from .simulator import Account, Simulator
from .store import Store


def main() -> None:
    """Serve until told to stop."""
    settings = os.environ
    # Without machines nothing happens in the background either: states change at the next call.
    machine = json.loads(settings.get("SCWSIM_MACHINE", "null"))
    driver = MachineDriver(Engine(), MachineOptions(**machine)) if machine else PaperDriver()
    state = settings.get("SCWSIM_STATE")
    simulator = Simulator(
        account=Account(settings["SCWSIM_TOKEN"], settings["SCWSIM_ACCESS_KEY"], settings["SCWSIM_PROJECT"]),
        catalogue=Catalogue(),
        store=Store(Path(state) if state else None),
        driver=driver,
        time_factor=float(settings.get("SCWSIM_TIME_FACTOR", "1")),
        lazy=machine is None,
    )
    log = settings.get("SCWSIM_LOG")
    address = ("0.0.0.0", int(settings.get("SCWSIM_PORT", "8080")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with SimulatorServer(address, simulator, RequestLog(Path(log) if log else None)) as server:
        print(f"scwsim: http://127.0.0.1:{server.server_address[1]}", file=sys.stderr, flush=True)
        server.serve_forever(poll_interval=0.25)


if __name__ == "__main__":
    main()
