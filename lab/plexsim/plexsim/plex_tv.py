"""The server's and the image's side of plex.tv: the exchange of a claim token, and what the account is worth."""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree as ET

PENDING = "PLEXSIM_PENDING_SIGN_IN"  # what the first run got, for the server: a SignIn as JSON
_TIMEOUT = 10.0


@dataclass(frozen=True)
class SignIn:
    """What a good claim token gives: the server's token and who it belongs to."""

    token: str
    username: str = "lab"
    email: str = "lab@example.com"
    delay: float | None = None  # seconds until the token reaches Preferences.xml; None: as the settings say


@dataclass(frozen=True)
class Standing:
    """What plex.tv says of a token."""

    valid: bool
    has_pass: bool


@dataclass(frozen=True)
class PlexTv:
    """plex.tv at a base URL; without one, every claim token of the right form is good and nobody asks again."""

    base: str = ""

    def exchange(self, claim: str, client: str) -> SignIn | None:
        """Exchange a claim token for the token of a server with this client identifier; None is a refusal."""
        if not self.base:
            if not claim.startswith("claim-") or "expired" in claim:
                return None
            return SignIn(hashlib.sha256(f"{claim}{client}".encode()).hexdigest()[:20])
        headers = {
            "X-Plex-Client-Identifier": client,
            "X-Plex-Product": "Plex Media Server",
            "X-Plex-Version": "1.1",
            "X-Plex-Provides": "server",
            "X-Plex-Platform": "Linux",
            "X-Plex-Device-Name": "PlexMediaServer",
        }
        query = urllib.parse.urlencode({"token": claim})
        found = self._ask("POST", f"/api/claim/exchange?{query}", headers)
        if found is None:
            return None
        _, body, answered = found
        token = re.search("<authentication-token>(.*)</authentication-token>", body)
        if token is None:
            return None
        root = ET.fromstring(body)  # noqa: S314  the lab's own stand-in
        delay = answered.get("X-Lab-Token-Delay")
        return SignIn(
            token[1], root.get("username", ""), root.get("email", ""), None if delay is None else float(delay)
        )

    def standing(self, token: str) -> Standing | None:
        """Ask what a token is worth; None when plex.tv cannot be asked."""
        if not self.base:
            return None
        found = self._ask("GET", "/api/v2/user", {"X-Plex-Token": token})
        if found is None or found[0] not in (200, 401):
            return None
        status, body, _ = found
        if status == 401:
            return Standing(valid=False, has_pass=False)
        subscription = ET.fromstring(body).find("subscription")  # noqa: S314  the lab's own stand-in
        return Standing(valid=True, has_pass=subscription is not None and subscription.get("active") == "1")

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]] | None:
        request = urllib.request.Request(self.base + path, method=method, headers=dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:
                return answer.status, answer.read().decode(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace"), dict(error.headers)
        except OSError:
            return None
