"""The Scaleway stand-in in this process, with machines that are only a name, and faults on demand."""

from __future__ import annotations

import functools
import json
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from lab.scwsim import http_server
from lab.scwsim.catalogue import Catalogue
from lab.scwsim.paper import PaperDriver
from lab.scwsim.routing import Request, Response
from lab.scwsim.simulator import Account, Simulator
from lab.scwsim.store import Store
from module_utils import ledger
from plugins.modules import scaleway_price, scaleway_resources, scaleway_runs, scaleway_server, scaleway_switch_key

TOKEN = "11111111-1111-4111-8111-111111111111"
PROJECT = "22222222-2222-4222-8222-222222222222"
RUN = "20260822T100000Z-0a1b"
NAME = f"plex-burst-{RUN.lower()}"
TAG = f"plex-burst-run={RUN}"
ZONE = "/instance/v1/zones/fr-par-1"


class Cloud:
    """The stand-in, what was asked of it, and what goes wrong next."""

    def __init__(self, store: Path) -> None:
        account = Account(TOKEN, "SCWLABXXXXXXXXXXXXXX", PROJECT)
        driver = PaperDriver()
        self.simulator = Simulator(account, Catalogue(), Store(store), driver, time_factor=0.0)
        self.calls: list[tuple[str, str]] = []
        self.faults: list[tuple[str, str, Callable[[Request], Response | None]]] = []
        self.lose_next_answer = False

    def fault(self, call: str, answer: Response | None = None, after: bool = False) -> None:
        """Once for `METHOD path's end`: answer this (None breaks off) instead of, or after, doing it."""
        method, path_end = call.split()

        def happen(request: Request) -> Response | None:
            if after:
                self.answer(self.simulator, request, TOKEN)
            return answer

        self.faults.append((method, path_end, happen))

    def answer(self, simulator: Simulator, request: Request, token: str | None) -> Response:
        self.calls.append((request.method, request.path))
        for fault in self.faults:
            if fault[0] == request.method and request.path.endswith(fault[1]):
                self.faults.remove(fault)
                response = fault[2](request)
                if response is None:
                    raise ConnectionAbortedError
                return response
        return self.original(simulator, request, token)

    original = staticmethod(http_server.answer)

    def add(self, kind: str, body: dict[str, Any], method: str = "POST") -> dict[str, Any]:
        """Make something through the API, as a stranger would."""
        path = kind if kind.startswith("/") else f"{ZONE}/{kind}"
        request = Request(method, path, {}, json.dumps(body).encode())
        content = self.original(self.simulator, request, TOKEN).body
        return dict(next(iter(content.values())) if len(content) == 1 else content)

    def records(self, kind: str) -> list[dict[str, Any]]:
        return [row for row in self.simulator.store.records(kind) if not row.get("project_default")]

    def made(self, method: str, path_end: str) -> int:
        return sum(call == method and path.endswith(path_end) for call, path in self.calls)


class NoLog(http_server.RequestLog):
    """What was asked is in Cloud.calls."""

    def __init__(self) -> None: ...

    def write(self, entry: dict[str, Any]) -> None: ...


class QuietServer(http_server.SimulatorServer):
    """A broken connection is on purpose here."""

    def handle_error(self, *_: object) -> None: ...


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    made = Cloud(tmp_path / "cloud" / "state.json")
    monkeypatch.setattr(http_server, "answer", made.answer)
    # Headers and body are two writes: without this each answer waits 40 ms for the client's ACK.
    monkeypatch.setattr(http_server._Handler, "disable_nagle_algorithm", True)
    # Ansible loads the system's certificates for each request, http or not: 50 ms each.
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: None)
    with QuietServer(("127.0.0.1", 0), made.simulator, NoLog()) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        monkeypatch.setenv("TEST_API_URL", f"http://127.0.0.1:{server.server_address[1]}")
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return ledger.create(tmp_path / "runs", RUN)


@pytest.fixture
def module(cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call a module as Ansible does; pauses are noted, not waited."""
    pauses: list[float] = []
    for program in (scaleway_server, scaleway_resources, scaleway_runs, scaleway_price, scaleway_switch_key):
        monkeypatch.setattr(program, "Client", functools.partial(program.Client, pause=pauses.append))

    def call(program: Any, **options: Any) -> dict[str, Any]:
        common = {"api_url": os.environ["TEST_API_URL"], "api_token": TOKEN, "project": PROJECT}
        given = {word: value for word, value in {**common, **options}.items() if value is not None}
        with patch_module_args(given), pytest.raises(SystemExit):
            program.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    call.pauses = pauses  # type: ignore[attr-defined]  # where a test looks at the patience shown
    return call


@pytest.fixture
def server(module: Any, run_dir: Path) -> Any:
    """Module scaleway_server for our run, on its ledger."""

    def call(state: str, **options: Any) -> dict[str, Any]:
        common = {"zone": "fr-par-1", "run_id": RUN, "run_dir": str(run_dir), "commercial_type": "DEV1-S"}
        result: dict[str, Any] = module(scaleway_server, state=state, **{**common, **options})
        return result

    return call
