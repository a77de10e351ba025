"""``python3 -m lab.plextv``: serve until told to stop. Configured by the environment, see docs/lab.md."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from ..plexsim.plexsim.faults import Faults
from .account import Account, Owner
from .api import Api
from .fault_names import FAULTS
from .http_server import Server


def main() -> None:
    """Serve."""
    environment = os.environ
    directory = Path(environment.get("PLEXTV_STATE") or ".")
    owner = Owner(
        token=environment.get("PLEXTV_TOKEN") or Owner.token,
        standing_claim=environment.get("PLEXTV_STANDING_CLAIM", ""),
    )
    api = Api(Account(owner, time.time, directory / "account.json").load(), Faults(directory / "faults.json", FAULTS))
    log = environment.get("PLEXTV_LOG")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Server(int(environment.get("PLEXTV_PORT") or 8080), api, Path(log).open("a") if log else None) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"plex.tv stand-in on port {server.port}", flush=True)
        stop.wait()
        server.shutdown()


if __name__ == "__main__":
    main()
