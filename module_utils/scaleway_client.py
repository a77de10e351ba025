# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One call to the Scaleway API: community.general's client, made safe for things that cost money.

What changes against the class it stands on: the URL comes from api_url; query parameters do not leak into
later calls, headers neither; no warning per request; a redirect is an error (it would carry the token away);
calls that may be repeated are repeated, with growing, jittered pauses, on 429, 5xx and silence; a call that
may not be repeated raises AmbiguousError when nobody knows whether it was done.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from ansible.module_utils.urls import fetch_url
from ansible_collections.community.general.plugins.module_utils.scaleway import Response, Scaleway

from .scaleway_errors import AmbiguousError, Answer, ScalewayError, explain

ATTEMPTS = 5
REPEATABLE = frozenset({"GET", "PUT", "PATCH", "DELETE"})


def worth_repeating(method: str, status: int) -> bool:
    """429 came before anything was done; after silence or 5xx only harmless calls are repeated."""
    return status == 429 or (method in REPEATABLE and (status == 0 or status >= 500))


def pause_before(attempt: int, retry_after: str, chance: float) -> float:
    """Seconds before the next attempt: what the API asked for, else 0.5, 1, 2, 4 … with half of it jitter."""
    if retry_after.isdigit():
        return float(min(int(retry_after), 30))
    return float(min(0.5 * 2 ** (attempt - 1), 8.0) * (0.5 + chance / 2))


class Client(Scaleway):  # type: ignore[misc]  # the collection is not typed, so its class is Any
    """Scaleway's API as community.general speaks it, one call at a time."""

    def __init__(self, module: Any, pause: Callable[[float], None] = time.sleep) -> None:
        super().__init__(module)
        module.params["follow_redirects"] = "none"
        self.api_url = str(module.params["api_url"]).rstrip("/")
        self.pause = pause
        # How far the provider's clock is ahead of ours, by the date of its last answer.
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """The time by the provider's clock, once it has answered; ours before."""
        return datetime.now(UTC) + self.skew

    def warn(self, x: object) -> None:
        """The parent makes a warning of every URL; they belong in the debug log."""
        self.module.debug(str(x))

    def _url_builder(self, path: str, params: dict[str, Any] | None) -> str:
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        return f"{self.api_url}/{path.lstrip('/')}{query}"

    def send(
        self,
        method: str,
        path: str,
        data: Any = None,
        headers: dict[str, str] | None = None,
        params: dict[str, Any] | None = None,
    ) -> Any:
        """Send once. Text goes as it is, anything else as JSON, nothing as no body at all."""
        url = self._url_builder(path, params)
        self.warn(f"{method} {url}")
        body = data if data is None or isinstance(data, str) else self.module.jsonify(data)
        stream, info = fetch_url(
            self.module,
            url,
            data=body,
            headers={**self.headers, **(headers or {})},
            method=method,
            timeout=self.module.params["api_timeout"],
            use_netrc=False,
        )
        return Response(stream if info["status"] < 400 else None, info)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: dict[str, Any] | None = None,
        missing_ok: bool = False,
    ) -> Answer:
        """Call until answered; raise ScalewayError unless it was done (or is 404 and missing_ok)."""
        attempt = 1
        answer = self._answer(method, path, body, query)
        while worth_repeating(method, answer.status) and attempt < ATTEMPTS:
            # Jitter spreads clients; it guards no secret.
            self.pause(pause_before(attempt, answer.headers.get("retry-after", ""), random.random()))  # noqa: S311 - jitter
            attempt += 1
            answer = self._answer(method, path, body, query)
        if answer.ok or (missing_ok and answer.status == 404):
            return answer
        sentence = explain(answer, f"{method} {path}", self.api_url)
        if method not in REPEATABLE and (answer.status == 0 or answer.status >= 500):
            raise AmbiguousError(sentence, answer)
        raise ScalewayError(sentence, answer)

    def _answer(self, method: str, path: str, body: Any, query: dict[str, Any] | None) -> Answer:
        headers = {"Content-Type": "text/plain"} if isinstance(body, str) else None
        try:
            response = self.send(method, path, data=body, headers=headers, params=query)
        except (OSError, http.client.HTTPException) as error:
            return Answer(0, text=f"the answer broke off ({error})")
        info = response.info
        if info["status"] < 0:
            return Answer(0, text=str(info["msg"]))
        raw = response.body if response.body is not None else info.get("body", "")
        text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        self._compare_clocks(str(info.get("date", "")))
        return Answer(info["status"], parsed, text, {k: str(v) for k, v in info.items()})

    def _compare_clocks(self, date: str) -> None:
        try:
            self.skew = parsedate_to_datetime(date) - datetime.now(UTC)
        except (TypeError, ValueError):
            # An answer without a date leaves what was known.
            return

    def list_all(self, path: str, key: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        """Every page of a listing: up to the announced total, else up to an empty page."""
        found: dict[str, dict[str, Any]] = {}
        seen = 0
        size = "per_page" if path.startswith("/instance/") else "page_size"
        for page in range(1, 10_000):
            answer = self.call("GET", path, query={**query, "page": page, size: 100})
            body = answer.body if isinstance(answer.body, dict) else {}
            if not isinstance(body.get(key), list):
                raise ScalewayError(f"Scaleway's answer to GET {path} is no list of {key}.", answer)
            rows: list[dict[str, Any]] = body[key]
            found.update((row["id"], row) for row in rows)
            seen += len(rows)
            total = answer.headers.get("x-total-count", str(body.get("total_count", "")))
            if not rows or (total.isdigit() and seen >= int(total)):
                break
        return list(found.values())

    def server_types(self, zone: str) -> dict[str, dict[str, Any]]:
        """The zone's server types by name: the one listing that is a map."""
        types: dict[str, dict[str, Any]] = {}
        for page in range(1, 100):
            path = f"/instance/v1/zones/{zone}/products/servers"
            answer = self.call("GET", path, query={"page": page, "per_page": 100})
            rows = answer.body.get("servers", {}) if isinstance(answer.body, dict) else {}
            if not rows or set(rows) <= set(types):
                break
            types.update(rows)
        return types

    def availability(self, zone: str) -> dict[str, str]:
        """The zone's stock by server type: `available`, `scarce`, `shortage`; empty where it is not told."""
        path = f"/instance/v1/zones/{zone}/products/servers/availability"
        answer = self.call("GET", path, query={"per_page": 100}, missing_ok=True)
        rows = answer.body.get("servers", {}) if isinstance(answer.body, dict) else {}
        return {name: str(row.get("availability")) for name, row in rows.items()}


def list_resources(client: Client, zone: str, project: str, tag: str | None = None) -> dict[str, list[dict[str, Any]]]:
    """Everything of a project in a zone that can cost money or hold a name of ours, all pages.

    With a tag the API filters too: a short list that cannot shift between pages, as a second witness.
    """
    instance = f"/instance/v1/zones/{zone}"
    query = {"project": project, **({"tags": tag} if tag else {})}
    block = {"project_id": project, **({"tags": tag} if tag else {})}
    return {
        "servers": client.list_all(f"{instance}/servers", "servers", query),
        "volumes": client.list_all(f"{instance}/volumes", "volumes", query),
        "block_volumes": client.list_all(f"/block/v1/zones/{zone}/volumes", "volumes", block),
        "ips": client.list_all(f"{instance}/ips", "ips", query),
        "security_groups": client.list_all(f"{instance}/security_groups", "security_groups", query),
    }
