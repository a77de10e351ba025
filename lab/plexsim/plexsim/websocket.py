"""The websocket of the notifications; the protocol itself is wsproto's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Ping, Request, TextMessage
from wsproto.utilities import RemoteProtocolError

from .notifications import Messages, Notifications

PATH = "/:/websockets/notifications"
_CHUNK = 4096


@dataclass
class Listener:
    """One client: a thread writes the messages, the caller's reads pings and the close."""

    connection: socket.socket
    protocol: WSConnection = field(default_factory=lambda: WSConnection(ConnectionType.SERVER))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _send(self, event: Event) -> None:
        with self.lock:
            self.connection.sendall(self.protocol.send(event))

    def serve(self, headers: Iterable[tuple[str, str]], target: str, notifications: Notifications) -> None:
        """Accept the upgrade, then talk until the client leaves."""
        self.protocol.initiate_upgrade_connection([(name.encode(), value.encode()) for name, value in headers], target)
        messages = notifications.subscribe()
        threading.Thread(target=self._write, args=(messages,), name="notifications", daemon=True).start()
        try:
            while self._answer():
                received = self.connection.recv(_CHUNK)
                self.protocol.receive_data(received or None)
        except (OSError, RemoteProtocolError):
            return
        finally:
            notifications.leave(messages)

    def _answer(self) -> bool:
        """Answer what has come in; tells whether the client is still there."""
        for event in self.protocol.events():
            if isinstance(event, Request):
                self._send(AcceptConnection())
            elif isinstance(event, Ping):
                self._send(event.response())
            elif isinstance(event, CloseConnection):
                self._send(event.response())
                return False
        return True

    def _write(self, messages: Messages) -> None:
        while (text := messages.get()) is not None:
            try:
                self._send(TextMessage(data=text))
            except OSError:
                return
