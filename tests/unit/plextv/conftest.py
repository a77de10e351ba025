from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.plexsim.plexsim.faults import Faults
from lab.plextv.account import Account, Owner
from lab.plextv.api import Api
from lab.plextv.fault_names import FAULTS
from lab.plextv.http_server import Server


@dataclass
class PlexTvProcess:
    """A plex.tv stand-in that listens, with a clock that the test moves."""

    api: Api
    base: str
    clock: list[float]

    @property
    def faults(self) -> Faults:
        return self.api.faults

    @property
    def token(self) -> str:
        return self.api.account.owner.token


@pytest.fixture
def plex_tv(tmp_path: Path) -> Iterator[PlexTvProcess]:
    clock = [1_000_000.0]
    account = Account(Owner(standing_claim="claim-standing"), lambda: clock[0], tmp_path / "account.json")
    api = Api(account, Faults(tmp_path / "plextv-faults.json", FAULTS))
    server = Server(0, api)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield PlexTvProcess(api, f"http://127.0.0.1:{server.port}", clock)
    server.shutdown()
    server.server_close()
