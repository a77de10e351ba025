"""The few calls of the Docker Engine API that machines need, over its Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode


class EngineError(Exception):
    """Docker refused a call or could not be reached."""


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine:
    """A client of one Docker daemon."""

    def __init__(self, path: Path = Path("/var/run/docker.sock"), timeout: float = 60) -> None:
        self._path = path
        self._timeout = timeout

    def _call(
        self, method: str, path: str, body: bytes | None = None, media: str = "application/json"
    ) -> tuple[int, bytes]:
        connection = _SocketConnection(self._path, self._timeout)
        try:
            connection.request(method, path, body, {"Content-Type": media})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"Docker does not answer on {self._path}: {error}.") from error
        finally:
            connection.close()

    def _expect(self, allowed: tuple[int, ...], answer: tuple[int, bytes]) -> bytes:
        status, content = answer
        if status not in allowed:
            message = content.decode(errors="replace").strip()
            raise EngineError(f"Docker answered {status}: {message}.")
        return content

    def create(self, name: str, specification: dict[str, Any]) -> None:
        """Create a container; the specification is that of POST /containers/create."""
        path = f"/containers/create?{urlencode({'name': name})}"
        self._expect((201,), self._call("POST", path, json.dumps(specification).encode()))

    def put_archive(self, name: str, directory: str, archive: bytes) -> None:
        """Unpack a tar archive into the container's file system."""
        path = f"/containers/{quote(name)}/archive?{urlencode({'path': directory})}"
        self._expect((200,), self._call("PUT", path, archive, "application/x-tar"))

    def start(self, name: str) -> None:
        """Start the container; one that runs already is left alone."""
        self._expect((204, 304), self._call("POST", f"/containers/{quote(name)}/start"))

    def execute(self, name: str, command: list[str]) -> tuple[int, str]:
        """Run a command in the container to its end; gives its exit code and what it printed."""
        asked = {"Cmd": command, "AttachStdout": True, "AttachStderr": True, "Tty": True}
        made = self._expect((201,), self._call("POST", f"/containers/{quote(name)}/exec", json.dumps(asked).encode()))
        identifier = json.loads(made)["Id"]
        printed = self._expect((200,), self._call("POST", f"/exec/{identifier}/start", b'{"Tty": true}'))
        state = json.loads(self._expect((200,), self._call("GET", f"/exec/{identifier}/json")))
        return int(state["ExitCode"] or 0), printed.decode(errors="replace")

    def stop(self, name: str, grace_seconds: int) -> None:
        """Ask the container to stop, kill it after the grace period; a missing one is fine."""
        path = f"/containers/{quote(name)}/stop?t={grace_seconds}"
        self._expect((204, 304, 404), self._call("POST", path))

    def remove(self, name: str) -> None:
        """Kill and remove the container with its anonymous volumes; a missing one is fine."""
        path = f"/containers/{quote(name)}?force=1&v=1"
        self._expect((204, 404), self._call("DELETE", path))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; a missing one is fine."""
        self._expect((204, 404), self._call("DELETE", f"/volumes/{quote(name)}?force=1"))

    def inspect(self, name: str) -> dict[str, Any] | None:
        """The container's full description, None if there is no such container."""
        status, content = self._call("GET", f"/containers/{quote(name)}/json")
        if status == 404:
            return None
        answer: dict[str, Any] = json.loads(self._expect((200,), (status, content)))
        return answer
