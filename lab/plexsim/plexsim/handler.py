"""HTTP: which request goes where, who may ask, and the headers of the answer."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from . import websocket
from .core import MIGRATING, Core
from .preferences import RefusedError
from .render import Answer, refusal, unavailable
from .request import Request, parse
from .schema import complaint
from .settings import now

LAB_JOBS = "/_lab/jobs"  # what the real server does not have
_OPEN = ("/identity", LAB_JOBS)  # to clients without a token
Route = tuple[str, str, Callable[..., Answer]]


@dataclass(frozen=True)
class Router:
    """All routes of the server."""

    core: Core
    routes: list[Route]

    def refused(self, request: Request) -> Answer | None:
        """Refuse a request that nobody gets an answer to now, or not this client."""
        if self.core.faults.active("unavailable") is not None:
            return unavailable(MIGRATING)
        if self.core.not_ready:
            return unavailable(self.core.not_ready)
        if request.path not in _OPEN and not request.allowed(self.core):
            return refusal(401, "Unauthorized")
        return None

    def answer(self, request: Request) -> Answer:
        """Find the route of a request and take it."""
        refused = self.refused(request)
        if refused is not None:
            return refused
        known_path = False
        for methods, pattern, call in self.routes:
            found = re.fullmatch(pattern, request.path)
            known_path = known_path or found is not None
            if found and request.method in methods.split("|"):
                try:
                    return call(request, *found.groups())
                except (RefusedError, KeyError, ValueError) as error:
                    self.core.log(f"Refused {request.method} {request.path}: {error}", "WARN")
                    return refusal(400, "Bad Request")
                except sqlite3.Error as error:
                    self.core.log(complaint(error), "ERROR")
                    return refusal(500, "Internal Server Error")
        return refusal(405, "Method Not Allowed") if known_path else refusal(404, "Not Found")


def _length(answer: Answer, body: bytes) -> int:
    if answer.stream is None:
        return len(body)
    length = answer.stream.seek(0, os.SEEK_END)
    answer.stream.seek(0)
    return length


class Handler(BaseHTTPRequestHandler):
    """One connection; knows its router through the server."""

    protocol_version = "HTTP/1.1"
    server: Server

    def handle_any(self) -> None:
        """Answer any method."""
        length = int(self.headers.get("Content-Length") or 0)
        if length:
            self.rfile.read(length)
        client = self.client_address[0].removeprefix("::ffff:")
        request = parse(self.command, self.path, dict(self.headers), client)
        time.sleep(self.server.router.core.faults.number("slow_answers", "seconds"))
        if request.path == websocket.PATH and self.headers.get("Upgrade", "").lower() == "websocket":
            refused = self.server.router.refused(request)
            if refused is None:
                self.close_connection = True
                core = self.server.router.core
                websocket.Listener(self.connection).serve(self.headers.items(), self.path, core.notifications)
                return
        answer = self.server.router.answer(request)
        body, kind = answer.encode(as_json=request.as_json)
        core = self.server.router.core
        core.log(f"Completed: [{client}] {answer.status} {request.method} {request.path} {len(body)} bytes")
        core.sent.append(len(body))
        self.send_response_only(answer.status)
        for name, value in {
            "X-Plex-Protocol": "1.0",
            "Date": formatdate(now(), usegmt=True),
            "Content-Type": kind,
            "Content-Length": str(_length(answer, body)),
            "Cache-Control": "no-cache",
            **({"X-Plex-Content-Original-Length": str(len(body))} if body else {}),
            **answer.headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.stream is not None:
            with answer.stream:
                shutil.copyfileobj(answer.stream, self.wfile)
        elif self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep quiet: the server's own log has the line."""


class Server(ThreadingHTTPServer):
    """The listener."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, router: Router) -> None:
        super().__init__(("0.0.0.0", port), Handler)
        self.router = router

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  the base's signature
        """A client that hangs up is no event."""
        self.router.core.log(f"Connection of {client_address} broke off", "WARN")
