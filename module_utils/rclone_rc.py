# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Talk to the remote control of a running rclone on its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any


class RcloneError(Exception):
    """rclone did not answer, or answered with an error; the text is a sentence."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket; the host name is only there for the header."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket instead of a TCP connection."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def call(path: str, command: str, timeout: float = 10.0, **parameters: Any) -> dict[str, Any]:
    """Run one remote control command, as `vfs/refresh`, and return its answer.

    path is the socket, timeout is in seconds. Raises RcloneError.
    """
    connection = UnixConnection(path, timeout)
    try:
        connection.request("POST", f"/{command}", json.dumps(parameters), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"{}")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise RcloneError(f"rclone does not answer {command} on {path}: {error}.") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise RcloneError(f"rclone refused {command}: {answer.get('error', response.status)}.")
    return dict(answer)
