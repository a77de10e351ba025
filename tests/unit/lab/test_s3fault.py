"""The misbehaving proxy: what it does to a real client, and how it refuses."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lab.s3fault.__main__ import ROOT, Admin
from lab.s3fault.desk import Desk
from lab.s3fault.proxy import Proxy

BODY = b"x" * 5000


class Upstream(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_request(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def proxied() -> Iterator[tuple[Desk, int]]:
    upstream = HTTPServer(("127.0.0.1", 0), Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    desk, loop = Desk(), asyncio.new_event_loop()
    server = loop.run_until_complete(
        asyncio.start_server(Proxy(desk, "127.0.0.1", upstream.server_port).serve, "127.0.0.1", 0)
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield desk, server.sockets[0].getsockname()[1]

    async def end() -> None:
        server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
    upstream.shutdown()
    upstream.server_close()


def get(port: int, timeout: float = 5) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/bucket/key")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_without_a_fault_it_passes_everything_on(proxied: tuple[Desk, int]) -> None:
    desk, port = proxied
    assert get(port) == (200, BODY)
    assert desk.counts == {"bytes": len(BODY), "GET": 1}


def test_each_fault_does_what_its_name_says(proxied: tuple[Desk, int]) -> None:
    desk, port = proxied
    desk.switch("s3_status", {"on": True, "status": 404})
    status, body = get(port)
    assert (status, b"NoSuchBucket" in body) == (404, True)
    desk.switch("s3_status", {"on": True, "method": "HEAD"})
    assert get(port) == (200, BODY)
    desk.switch("s3_status", {"on": True})
    assert get(port)[0] == 503, "what is not said is as at first"
    desk.switch("s3_status", {"on": False})
    desk.switch("s3_truncate", {"on": True, "bytes": 1000})
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(port)
    assert len(cut.value.partial) == 1000
    desk.switch("s3_truncate", {"on": False})
    desk.switch("s3_reset", {"on": True})
    with pytest.raises(ConnectionError):
        get(port)
    desk.switch("s3_reset", {"on": False})
    desk.switch("s3_black_hole", {"on": True})
    with pytest.raises(socket.timeout):
        get(port, timeout=0.3)
    desk.switch("s3_black_hole", {"on": False})
    assert get(port) == (200, BODY)


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("nonsense", b'{"on": true}', "'nonsense' is no fault of the proxy; there are: s3_reset"),
        ("s3_slow", b"{}", '"on" has to be true or false'),
        ("s3_slow", b'{"on": true, "speed": 1}', "s3_slow has no parameter 'speed'; it has: bytes_per_second"),
        ("s3_slow", b'{"on": true, "bytes_per_second": "fast"}', "'fast' is no value for bytes_per_second"),
    ],
)
def test_a_wish_that_makes_no_sense_is_one_sentence(path: str, body: bytes, said: str) -> None:
    status, shown = Admin(Desk()).answer("PUT", f"{ROOT}/{path}", body)
    assert status == 400
    assert isinstance(shown, dict)
    assert said in shown["error"]
