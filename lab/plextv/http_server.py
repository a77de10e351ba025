"""The listener: the account's API, the lab's own door beside it, one log line for each request."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TextIO
from urllib.parse import parse_qsl, urlsplit

from ..plexsim.plexsim.faults import desk
from . import documents
from .api import Api, Request
from .documents import Response


def lab_answer(api: Api, request: Request) -> Response:
    """Answer the lab: health, state, the clock, faults."""
    account = api.account
    if request.path == "/_lab/health":
        return documents.as_json({"ok": True})
    if request.path == "/_lab/state":
        return documents.as_json(asdict(account.state) | {"now": account.now()})
    if (request.method, request.path) == ("POST", "/_lab/reset"):
        account.reset()
        account.save()
        return Response(204)
    if (request.method, request.path) == ("POST", "/_lab/clock"):
        try:
            account.state.clock_offset += float(json.loads(request.body)["advance"])
        except (ValueError, KeyError, TypeError):
            return documents.as_json({"error": 'the body is {"advance": seconds}'}, 400)
        account.save()
        return documents.as_json({"now": account.now()})
    status, shown = desk.answer(api.faults, request.method, request.path, request.body)
    return documents.as_json(shown, status)


class Server(ThreadingHTTPServer):
    """The listener; port 0 takes a free one."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, api: Api, log: TextIO | None = None) -> None:
        super().__init__(("0.0.0.0", port), _Handler)
        self.api = api
        self.log = log
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def note(self, request: Request, status: int) -> None:
        """Write one JSON line; tokens never reach it."""
        if self.log is not None and not request.path.startswith("/_lab/"):
            entry = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "client": request.client}
            entry |= {"method": request.method, "path": request.path, "status": str(status)}
            self.log.write(json.dumps(entry) + "\n")
            self.log.flush()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            self.client_address[0],
        )
        inner = request.path.startswith("/_lab/")
        if not inner:
            time.sleep(self.server.api.faults.number("plex_tv_slow", "seconds"))
        with self.server.lock:
            response = lab_answer(self.server.api, request) if inner else self.server.api.answer(request)
            self.server.note(request, response.status)
        self.send_response_only(response.status)
        for name, value in {"Content-Type": response.kind, **response.headers}.items():
            self.send_header(name, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = handle_any

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet: there is a log of our own."""
