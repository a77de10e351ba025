"""An HTTPS proxy in which api.scaleway.com is the stand-in, for clients that know no other address."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import trustme

HOST = "api.scaleway.com"


class _Tunnel(socketserver.StreamRequestHandler):
    """Takes `CONNECT api.scaleway.com:443`, ends the TLS itself and passes the bytes on."""

    server: Proxy

    def handle(self) -> None:
        target = self.rfile.readline().decode().split()
        while self.rfile.readline().strip():
            pass
        if target[:2] != ["CONNECT", f"{HOST}:443"]:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self.server.tunnels += 1
        try:
            with (
                self.server.tls.wrap_socket(self.request, server_side=True) as client,
                socket.create_connection(self.server.upstream) as upstream,
            ):
                back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
                back.start()
                _pump(client, upstream)
                back.join()
        except OSError:
            return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        return


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, upstream: tuple[str, int], tls: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.upstream = upstream
        self.tls = tls
        self.tunnels = 0


@contextmanager
def proxied(url: str, directory: Path) -> Iterator[tuple[Proxy, dict[str, str]]]:
    """The proxy, and the environment in which a client trusts and uses it."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(tls)
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    address = urlsplit(url)
    with Proxy((address.hostname or "", address.port or 80), tls) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        here = f"http://127.0.0.1:{proxy.server_address[1]}"
        try:
            yield proxy, {"https_proxy": here, "HTTPS_PROXY": here, "SSL_CERT_FILE": str(ca_file)}
        finally:
            proxy.shutdown()
            thread.join()
