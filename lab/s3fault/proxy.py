"""The proxy itself: HTTP/1.1 requests pass one by one, so that a fault can hit each of them."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from .desk import Desk

_END = b"\r\n\r\n"
_PIECE = 1 << 20
# What passes slowly passes in small pieces.
_SLOW_PIECE = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
_NEVER = 365 * 24 * 3600
# What Amazon allows between the time of a signature and its own clock.
_SKEW_ALLOWED = 900


class _CutError(Exception):
    """The connection ends here, as a fault wants it."""


class Proxy:
    """Forwards to one server, as the desk lets it."""

    def __init__(self, desk: Desk, host: str, port: int) -> None:
        self.desk = desk
        self.host = host
        self.port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it or a fault ends the connection."""
        upstream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        try:
            while True:
                head = await reader.readuntil(_END)
                await self._before(head, writer)
                if refusal := self._refusal(head):
                    await self._refuse(head, writer, *refusal)
                    continue
                if upstream is None:
                    upstream = await asyncio.open_connection(self.host, self.port, limit=1 << 20)
                await self._exchange(head, reader, writer, *upstream)
        except (asyncio.IncompleteReadError, ConnectionError, OSError, _CutError):
            pass
        finally:
            for end in (writer, upstream[1] if upstream else None):
                if end is not None:
                    with suppress(OSError):
                        end.close()

    async def _before(self, head: bytes, writer: asyncio.StreamWriter) -> None:
        desk = self.desk
        desk.count(head.split(b" ", 1)[0].decode())
        if desk.on("s3_latency"):
            await asyncio.sleep(desk.value("s3_latency", "seconds"))
        await self._stumble(writer)

    async def _stumble(self, writer: asyncio.StreamWriter) -> None:
        """Hit what is on its way, too: between two pieces of a body as before a request."""
        if self.desk.on("s3_reset"):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
            raise _CutError
        if self.desk.on("s3_black_hole"):
            await asyncio.sleep(_NEVER)

    def _refusal(self, head: bytes) -> tuple[int, str] | None:
        """Say with which status and code a request is refused, if it is."""
        if self.desk.refuses(head.split(b" ", 1)[0].decode()):
            status = int(self.desk.value("s3_status", "status"))
            return status, {403: "AccessDenied", 404: "NoSuchBucket", 503: "SlowDown"}.get(status, "InternalError")
        if self.desk.on("s3_clock") and (signed := _headers(head).get(b"x-amz-date")):
            at = datetime.strptime(signed.decode(), "%Y%m%dT%H%M%S%z")
            if abs((self._now() - at).total_seconds()) > _SKEW_ALLOWED:
                return 403, "RequestTimeTooSkewed"
        return None

    def _now(self) -> datetime:
        ahead = self.desk.value("s3_clock", "seconds") if self.desk.on("s3_clock") else 0
        return datetime.now(UTC) + timedelta(seconds=ahead)

    async def _refuse(self, head: bytes, writer: asyncio.StreamWriter, status: int, code: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>injected</Message></Error>'.encode()
        sent = b"" if head.startswith(b"HEAD ") else body
        writer.write(
            f"HTTP/1.1 {status} Injected\r\nDate: {format_datetime(self._now(), usegmt=True)}\r\n"
            f"Content-Type: application/xml\r\nContent-Length: {len(body)}".encode()
            + _END
            + sent
        )
        await writer.drain()

    async def _exchange(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        upstream.write(head)
        await self._body(_headers(head), reader, upstream, bent=False)
        reply = await answer.readuntil(_END)
        await self._stumble(writer)
        writer.write(reply)
        status = int(reply.split(b" ", 2)[1])
        if head.startswith(b"HEAD ") or status in (204, 304):
            await writer.drain()
            return
        await self._body(_headers(reply), answer, writer, bent=True)

    async def _body(
        self, headers: dict[bytes, bytes], source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, bent: bool
    ) -> None:
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            size = -1
            while size:
                line = await source.readuntil(b"\r\n")
                size = int(line.split(b";")[0], 16)
                sink.write(line + await source.readexactly(size + 2))
                await sink.drain()
            return
        left, passed = int(headers.get(b"content-length", b"0")), 0
        while left:
            piece = await source.read(min(_SLOW_PIECE if self.desk.on("s3_slow") else _PIECE, left))
            if not piece:
                raise _CutError
            if bent:
                piece = await self._bend(piece, passed, sink)
            sink.write(piece)
            await sink.drain()
            left -= len(piece)
            passed += len(piece)
        await sink.drain()

    async def _bend(self, piece: bytes, passed: int, sink: asyncio.StreamWriter) -> bytes:
        desk = self.desk
        await self._stumble(sink)
        if desk.on("s3_truncate") and passed + len(piece) > desk.value("s3_truncate", "bytes"):
            sink.write(piece[: max(0, int(desk.value("s3_truncate", "bytes")) - passed)])
            await sink.drain()
            raise _CutError
        if desk.on("s3_slow"):
            await asyncio.sleep(len(piece) / desk.value("s3_slow", "bytes_per_second"))
        desk.count("bytes", len(piece))
        return piece


def _headers(head: bytes) -> dict[bytes, bytes]:
    found = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found
