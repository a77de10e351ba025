"""Log files in the server's format."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Log:
    """One log file, opened for every line so that it can be rotated or removed under us."""

    path: Path

    def __call__(self, message: str, level: str = "DEBUG") -> None:
        """Append a line."""
        moment = time.time()
        stamp = time.strftime("%b %d, %Y %H:%M:%S", time.localtime(moment))
        thread = threading.get_native_id()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(f"{stamp}.{int(moment * 1000) % 1000:03} [{thread}] {level} - {message}\n")
