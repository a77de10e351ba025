# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's own log: everything that happened, with its moment, without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

LOG_NAME = "controller.log"
MASK = "********"
# An environment variable whose name says secret; a short value would mask half of every sentence.
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSW|CLAIM|CREDENTIAL|(?:ACCESS|API|PRIVATE|SWITCH)_KEY", re.IGNORECASE)
SHORTEST_SECRET = 8


class ControllerLog:
    """Append-only, one line per event, 0600, written through at once so that a kill loses nothing."""

    def __init__(self, run_dir: Path, environment: Mapping[str, str] = os.environ, secrets: Iterable[str] = ()) -> None:
        self.path = run_dir / LOG_NAME
        self._secrets = secrets_of(environment, secrets)
        self._stream = os.fdopen(
            os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            "a",
            buffering=1,
            encoding="utf-8",
        )

    def write(self, text: str) -> None:
        """One entry; further lines are indented so that every entry begins with a moment."""
        moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        entry = f"{moment}Z {self.masked(text)}".replace("\n", "\n    ")
        # A full disk costs the log its end; it must not cost the teardown.
        with suppress(OSError):
            self._stream.write(f"{entry}\n")

    def masked(self, text: str) -> str:
        """The text without any secret of the environment or the vault."""
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        with suppress(OSError):
            self._stream.close()


def secrets_of(environment: Mapping[str, str], more: Iterable[str] = ()) -> list[str]:
    """Values that must never be written, longest first, so that none hides a part of another."""
    found = {*more, *(value for name, value in environment.items() if SECRET_NAME.search(name))}
    return sorted((value for value in found if len(value) >= SHORTEST_SECRET), key=len, reverse=True)
