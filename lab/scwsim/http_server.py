"""The HTTP side: authentication, dispatch, JSON, and one log line for each request."""

from __future__ import annotations

import json
import re
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import (
    actions,
    addresses,
    admin,
    billing,
    faults,
    iam,
    metadata,
    policies,
    products,
    security_groups,
    servers,
    ssh_keys,
    volumes,
)
from .gateway import respond
from .identity import access_key, secrets
from .routing import Request, Response, Route
from .simulator import Simulator
from .transitions import take_due_steps, watch_machines

ROUTES: tuple[Route, ...] = (
    *servers.ROUTES,
    *actions.ROUTES,
    *volumes.ROUTES,
    *addresses.ROUTES,
    *security_groups.ROUTES,
    *products.ROUTES,
    *iam.ROUTES,
    *policies.ROUTES,
    *ssh_keys.ROUTES,
    *admin.ROUTES,
    *faults.ROUTES,
    *metadata.ROUTES,
    *billing.ROUTES,
)
_SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL)
_SHOWN_BODY = 2000
_WATCH_SECONDS = 1.0
_STEP_SECONDS = 0.1


def answer(simulator: Simulator, request: Request, token: str | None) -> Response:
    """Answer one call; what it changed is on disk before the answer leaves."""
    return respond(simulator, ROUTES, request, token)


class RequestLog:
    """One JSON line for each request and event; secrets never reach it."""

    def __init__(self, path: Path | None) -> None:
        self._stream = path.open("a", buffering=1) if path else sys.stdout

    def write(self, entry: dict[str, Any]) -> None:
        """Append one line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._stream.write(f"{json.dumps({'at': stamp, **entry})}\n")
        self._stream.flush()


def masked(body: bytes, *secret_keys: str) -> str:
    """The body as the log may show it."""
    text = _SECRET.sub("(private key)", body.decode(errors="replace"))
    for secret in secret_keys:
        text = text.replace(secret, "(token)")
    return text[:_SHOWN_BODY]


class SimulatorServer(ThreadingHTTPServer):
    """Serves the API; beside it, time goes by for the servers.

    That is a thread of its own because Docker may take seconds: the API answers meanwhile.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: Simulator, log: RequestLog) -> None:
        super().__init__(address, _Handler)
        self.simulator = simulator
        self.log = log
        self._ends = threading.Event()

    def serve_forever(self, poll_interval: float = 0.25) -> None:
        """Serve, and let time go by, until told to stop."""
        beside = threading.Thread(target=self._let_time_go_by, name="time")
        if not self.simulator.lazy:
            beside.start()
        try:
            super().serve_forever(poll_interval)
        finally:
            self._ends.set()
            if not self.simulator.lazy:
                beside.join()

    def _let_time_go_by(self) -> None:
        next_watch = 0.0
        try:
            while not self._ends.wait(_STEP_SECONDS):
                take_due_steps(self.simulator, self.log.write)
                if time.monotonic() >= next_watch:
                    watch_machines(self.simulator, self.log.write)
                    next_watch = time.monotonic() + _WATCH_SECONDS
        finally:
            # A cloud in which nothing happens any more must not go on answering.
            if not self._ends.is_set():
                self.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    # Headers and body leave in two writes; with Nagle's algorithm the second waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True
    server_version = "Scaleway API Gateway (lab)"
    sys_version = ""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Answers are dated by the cloud's clock, which may have been advanced."""
        return super().date_time_string(self.server.simulator.seconds() if timestamp is None else timestamp)

    def log_message(self, *_args: object) -> None:
        """The request log says more than the default lines."""

    def _serve(self) -> None:
        began = time.monotonic()
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = parse_qs(parts.query)
        token = self.headers.get("X-Auth-Token")
        simulator = self.server.simulator
        with simulator.store.lock:
            caller, hidden = access_key(simulator, token), secrets(simulator)
        sender, port = self.client_address[:2]
        request = Request(self.command, parts.path, query, body, sender=sender, sender_port=port)
        response = answer(simulator, request, token)
        request_id = str(uuid.uuid4())
        # Before the answer leaves: who has it finds the line in the log.
        if not parts.path.startswith("/_lab/"):
            self.server.log.write(
                {
                    "event": "request",
                    "id": request_id,
                    "from": self.client_address[0],
                    "key": caller,
                    "agent": self.headers.get("User-Agent", ""),
                    "method": self.command,
                    "path": self.path,
                    "body": masked(body, *hidden),
                    "status": response.status,
                    "answered": response.lost_after is None,
                    "seconds": round(time.monotonic() - began, 3),
                }
            )
        if response.lost_after is None:
            self._send(response, request_id)
        else:
            time.sleep(response.lost_after)
            self.close_connection = True

    def _send(self, response: Response, request_id: str) -> None:
        text = isinstance(response.body, str)
        content = b""
        if response.body is not None:
            content = (response.body if text else json.dumps(response.body)).encode()
        self.send_response(response.status)
        self.send_header("Content-Type", "text/plain" if text else "application/json")
        self.send_header("X-Request-Id", request_id)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
