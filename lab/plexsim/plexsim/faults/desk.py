"""The admin port of a stand-in: ``GET /_lab/faults`` and ``PUT /_lab/faults/<name>``.

The body of a PUT is ``{"on": true, …parameters}``; the answer is the fault as the list shows it. An unknown name is
404, a bad parameter or body 400, both with ``{"error": "a sentence"}``.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import BadParameterError, Faults, UnknownFaultError

ROOT = "/_lab/faults"


def answer(faults: Faults, method: str, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    """Do what one request asks; gives status and JSON."""
    if method == "GET" and path == ROOT:
        return 200, {"faults": faults.listed()}
    if method == "PUT" and path.startswith(f"{ROOT}/"):
        try:
            wish = json.loads(body or b"null")
            if not isinstance(wish, dict) or not isinstance(wish.get("on"), bool):
                return 400, {"error": 'the body is {"on": true or false, ...parameters}'}
            parameters = {name: value for name, value in wish.items() if name != "on"}
            return 200, faults.switch(path.removeprefix(f"{ROOT}/"), on=wish["on"], parameters=parameters)
        except UnknownFaultError as error:
            return 404, {"error": str(error)}
        except (BadParameterError, json.JSONDecodeError) as error:
            return 400, {"error": str(error)}
    return 404, {"error": f"{method} {path} is nothing here; there is {ROOT}"}


class Desk(ThreadingHTTPServer):
    """The listener of the admin port; port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, faults: Faults) -> None:
        super().__init__(("0.0.0.0", port), _Handler)
        self.faults = faults
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    server: Desk

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            status, shown = answer(self.server.faults, self.command, self.path, body)
        content = json.dumps(shown).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = handle_any

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet: the container's log is the server's."""


def start(port: int, faults: Faults) -> Desk:
    """Serve the admin port from a thread of this process."""
    desk = Desk(port, faults)
    threading.Thread(target=desk.serve_forever, name="faults", daemon=True).start()
    return desk
