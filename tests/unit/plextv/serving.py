"""A plex.tv stand-in that listens in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.plexsim.plexsim.faults import Faults
from lab.plextv.account import Account, Owner
from lab.plextv.api import Api
from lab.plextv.fault_names import FAULTS
from lab.plextv.http_server import Server

STANDING_CLAIM = "claim-standing"


@dataclass
class PlexTvProcess:
    """Its state, its base URL, and a clock that the test moves."""

    api: Api
    base: str
    clock: list[float]
    log: Path

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def token(self) -> str:
        return self.api.account.owner.token


@contextmanager
def serve(directory: Path) -> Iterator[PlexTvProcess]:
    """Listen on a free port until the end of the block."""
    clock = [1_000_000.0]
    account = Account(Owner(standing_claim=STANDING_CLAIM), lambda: clock[0], directory / "account.json")
    api = Api(account, Faults(directory / "plextv-faults.json", FAULTS))
    log = (directory / "plextv.jsonl").open("w")
    server = Server(0, api, log)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield PlexTvProcess(api, f"http://127.0.0.1:{server.port}", clock, directory / "plextv.jsonl")
    finally:
        server.shutdown()
        server.server_close()
        log.close()
