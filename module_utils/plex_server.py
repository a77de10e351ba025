# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Speak HTTP to the media server of this machine.

The token is read from the server's own Preferences.xml, sent as a header and kept nowhere else:
it is never part of a URL, a message or a result.
"""

from __future__ import annotations

import html
import json
import re
import typing as t
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

PREFERENCES = Path("Library/Application Support/Plex Media Server/Preferences.xml")
UNREACHABLE = 0

# The options that every module has which speaks to the server (plugins/doc_fragments/plex_server.py).
SERVER_ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "url": {"type": "str", "default": "http://127.0.0.1:32400"},
    "config": {"type": "path", "required": True},
}
BODY_LIMIT = 400

Query = t.Mapping[str, str] | t.Sequence[tuple[str, str]]

_TOKEN = re.compile(r'\sPlexOnlineToken="([^"]*)"')
# `<Response code="503" title="Maintenance" status="…"/>` and `<h1>401 Unauthorized</h1>`
_STATUS = re.compile(r'<Response\b[^>]*\bstatus="([^"]*)"|<h1>(.*?)</h1>', re.DOTALL)


class PlexServerError(Exception):
    """The server did not do what it was asked; the text is one sentence for people."""


@dataclass(frozen=True)
class Reply:
    """One answer. A status of 0 means that nobody answered; the body then says why."""

    status: int
    body: str

    @property
    def ok(self) -> bool:
        """Whether the server did it."""
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        """What the server said, short enough for a sentence."""
        said = " ".join(_status_text(self.body).split())[:BODY_LIMIT]
        if self.status == UNREACHABLE:
            return f"no answer ({said})"
        return f"HTTP {self.status}" + (f" ({said})" if said else "")

    def container(self) -> dict[str, t.Any]:
        """The root object of a JSON answer (`MediaContainer`, `ButlerTasks`)."""
        try:
            document = json.loads(self.body)
        except ValueError:
            raise PlexServerError(f"The media server sent no JSON: {self.words}.") from None
        if not isinstance(document, dict):
            raise PlexServerError(f"The media server sent an unexpected answer: {self.words}.")
        for root in ("MediaContainer", "ButlerTasks"):
            if isinstance(document.get(root), dict):
                return t.cast("dict[str, t.Any]", document[root])
        return document


def preferences_path(config: str) -> Path:
    """The server's own settings file below the directory that is its /config."""
    return Path(config) / PREFERENCES


def read_token(config: str) -> str:
    """The token of a claimed server, "" as long as there is none.

    The server replaces the file while it runs: a file that is not there or not complete means "none yet".
    """
    try:
        text = preferences_path(config).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = _TOKEN.search(text)
    return html.unescape(found.group(1)) if found else ""


def true(value: t.Any) -> bool:
    """Booleans are real ones in JSON, `"1"` and `"0"` in XML and in older servers."""
    return value is True or value == 1 or str(value).lower() in ("1", "true")


def listed(container: dict[str, t.Any], name: str) -> list[dict[str, t.Any]]:
    """The children of one kind; a server leaves the key out when there are none."""
    return [entry for entry in container.get(name) or [] if isinstance(entry, dict)]


class PlexServer:
    """A thin client: one method per question, no state but address and token."""

    def __init__(self, url: str, token: str, timeout: float = 20) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._timeout = timeout

    @classmethod
    def local(cls, url: str, config: str, timeout: float = 20) -> PlexServer:
        """The server of this machine, with the token that it has at this moment."""
        return cls(url, read_token(config), timeout)

    def request(self, method: str, path: str, query: Query | None = None) -> Reply:
        """Ask once. An HTTP error is an answer like any other. Pairs may repeat a name, a mapping cannot."""
        headers = {"Accept": "application/json", "Connection": "close"}
        if self._token:
            headers["X-Plex-Token"] = self._token
        try:
            place = urlsplit(self._url)
            target = place.path + quote(path, safe="/:") + (f"?{urlencode(query, quote_via=quote)}" if query else "")
            # Not Ansible's open_url: a sample is taken every few seconds, and half of its time went into that import.
            kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
            connection = kind(place.hostname or "", place.port, timeout=self._timeout)
            try:
                connection.request(method, target, headers=headers)
                response = connection.getresponse()
                return Reply(response.status, response.read().decode("utf-8", "replace"))
            finally:
                connection.close()
        except (HTTPException, OSError, ValueError) as error:
            return Reply(UNREACHABLE, str(error))

    def get(self, path: str, query: Query | None = None) -> dict[str, t.Any]:
        """Read something that has to be there."""
        reply = self.request("GET", path, query)
        if not reply.ok:
            raise PlexServerError(f"The media server did not answer GET {path}: {reply.words}.")
        return reply.container()

    def sections(self) -> list[dict[str, t.Any]]:
        """All libraries."""
        return [section(entry) for entry in listed(self.get("/library/sections"), "Directory")]

    def activities(self) -> list[dict[str, t.Any]]:
        """All background work the server talks about."""
        return [activity(entry) for entry in listed(self.get("/activities"), "Activity")]


def section(entry: dict[str, t.Any]) -> dict[str, t.Any]:
    """One library as the rest of the project knows it."""
    return {
        "key": int(entry["key"]),
        "title": str(entry.get("title", "")),
        "type": str(entry.get("type", "")),
        "refreshing": true(entry.get("refreshing", False)),
        "scanned_at": _whole(entry.get("scannedAt")),
        "locations": [str(location.get("path", "")) for location in listed(entry, "Location")],
    }


def activity(entry: dict[str, t.Any]) -> dict[str, t.Any]:
    """One piece of background work. The section is known only about a second after it began."""
    context = entry.get("Context")
    if isinstance(context, list):
        context = context[0] if context else None
    inside = context.get("librarySectionID") if isinstance(context, dict) else None
    return {
        "type": str(entry.get("type", "")),
        "title": str(entry.get("title", "")),
        "subtitle": str(entry.get("subtitle", "")),
        "progress": _whole(entry.get("progress")),
        "section": _whole(inside),
    }


def _whole(value: t.Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _status_text(body: str) -> str:
    """The `status` of an XML `<Response>`, the heading of an HTML page, else the text itself."""
    found = _STATUS.search(body)
    return html.unescape(found.group(1) or found.group(2) or "") if found else body
