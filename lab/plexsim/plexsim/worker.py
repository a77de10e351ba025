"""What the child processes share: where they are, and how they report to the server."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from .settings import Settings

_BETWEEN_REPORTS = 0.25


@dataclass
class Reporter:
    """Tells the server how far an activity is, a few times a second at most."""

    settings: Settings
    activity: str | None
    last: float = 0.0

    def __call__(self, percent: int, subtitle: str) -> None:
        """Report progress; a server that does not answer is no reason to stop."""
        if self.activity is None or time.monotonic() - self.last < _BETWEEN_REPORTS:
            return
        self.last = time.monotonic()
        query = urllib.parse.urlencode({"percentComplete": percent, "subtitle": subtitle})
        url = f"http://127.0.0.1:{self.settings.port}/activities/{self.activity}?{query}"
        headers = {"X-Plex-Token": os.environ.get("X_PLEX_TOKEN", "")}
        request = urllib.request.Request(url, method="PUT", headers=headers)
        try:
            urllib.request.urlopen(request, timeout=5).close()
        except (urllib.error.URLError, OSError):
            return
