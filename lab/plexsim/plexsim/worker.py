"""What the child processes share: where they are, and how they report to the server."""

from __future__ import annotations

import hashlib
import os
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

from .faults import Faults
from .settings import Settings

_BETWEEN_REPORTS = 0.25
_STEP = 0.1
_BUSY_SHARE = 0.3  # of the time of a track, spent computing rather than waiting


def compute(seconds: float) -> None:
    """Use the processor."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        hashlib.sha256(b"sonic" * 4096).digest()


def spend(seconds: float) -> None:
    """Take the time that a track takes, part of it on the processor."""
    end = time.monotonic() + seconds
    compute(seconds * _BUSY_SHARE)
    time.sleep(max(0.0, end - time.monotonic()))


@dataclass
class Trouble:
    """What the faults of a scanner or analyser do to it, after each piece of its work."""

    kind: str
    faults: Faults
    done: int = 0

    @property
    def slower(self) -> float:
        """By how much everything takes longer."""
        return self.faults.number(f"{self.kind}_slow", "factor") or 1.0

    def __call__(self) -> None:
        """Hang, or die."""
        self.done += 1
        after = self.faults.number(f"{self.kind}_crash", "after")
        if after and self.done >= after:
            os.kill(os.getpid(), signal.SIGSEGV)
        while self.faults.active(f"{self.kind}_stall") is not None:
            time.sleep(_STEP)


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
