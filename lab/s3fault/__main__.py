"""``python3 -m lab.s3fault --listen 0.0.0.0:8334 --to 10.0.0.1:8333 --admin 0.0.0.0:8335``."""

from __future__ import annotations

import argparse
import asyncio
import json

from .desk import Desk, DeskError
from .proxy import Proxy

ROOT = "/_lab/faults"


def address(text: str) -> tuple[str, int]:
    """Take HOST:PORT apart."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT.")
    return host, int(port)


class Admin:
    """The port of the faults: GET and PUT below /_lab/faults, GET and DELETE of /_lab/counts."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, object]:
        """Answer one request."""
        if path == "/_lab/counts":
            if method == "DELETE":
                self.desk.counts.clear()
            return 200, self.desk.counts
        if method == "GET" and path == ROOT:
            return 200, {"faults": {name: fault.shown() for name, fault in self.desk.faults.items()}}
        if method == "PUT" and path.startswith(f"{ROOT}/"):
            try:
                return 200, self.desk.switch(path.removeprefix(f"{ROOT}/"), json.loads(body or b"{}"))
            except (DeskError, ValueError) as error:
                return 400, {"error": str(error)}
        return 404, {"error": f"nothing at {path}"}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one request and close."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path, _ = head.decode().split(" ", 2)
            sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(int(sizes[0].split(b":")[1])) if sizes else b""
            status, shown = self.answer(method, path, body)
            text = json.dumps(shown).encode()
            reply = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
            writer.write(reply.encode() + text)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def run(options: argparse.Namespace) -> None:
    """Serve both ports for ever."""
    desk = Desk()
    servers = [
        await asyncio.start_server(Proxy(desk, *options.to).serve, *options.listen, limit=1 << 20),
        await asyncio.start_server(Admin(desk).serve, *options.admin),
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(prog="python3 -m lab.s3fault", description=__doc__)
    parser.add_argument("--listen", type=address, required=True)
    parser.add_argument("--to", type=address, required=True)
    parser.add_argument("--admin", type=address, required=True)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
