"""Downloads for support: the databases and the logs, each as one zip file."""

from __future__ import annotations

import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .core import Core
from .handler import Route
from .render import Answer
from .request import Request
from .schema import connect
from .settings import now


@dataclass(frozen=True)
class DiagnosticsApi:
    """Routes about diagnostics."""

    core: Core

    def routes(self) -> list[Route]:
        """List them."""
        return [
            ("GET", "/diagnostics/databases", self.databases),
            ("GET", "/diagnostics/logs", self.logs),
        ]

    def databases(self, _request: Request) -> Answer:
        """Give consistent copies of both databases."""
        with tempfile.TemporaryDirectory() as scratch:
            copies = []
            for source in (self.core.settings.library, self.core.settings.blobs):
                copy = Path(scratch, source.name)
                with closing(connect(source)) as database, closing(sqlite3.connect(copy)) as target:
                    database.backup(target)
                copies.append(copy)
            return _zip("Databases", copies)

    def logs(self, _request: Request) -> Answer:
        """Give the log files."""
        return _zip("Logs", sorted(self.core.settings.logs.glob("*.log")))


def _zip(what: str, files: Iterable[Path]) -> Answer:
    packed = tempfile.TemporaryFile()  # noqa: SIM115  closed by the handler, when it is sent
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    stamp = datetime.fromtimestamp(now(), UTC).strftime("%Y-%m-%d_%H-%M-%S")
    headers = {"Content-Disposition": f'attachment; filename="Plex Media Server {what}_{stamp}.zip"'}
    return Answer(stream=packed, kind="application/zip", headers=headers)
