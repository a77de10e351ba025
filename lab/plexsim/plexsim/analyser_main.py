"""``Plex Music Analyzer``: works the whole backlog of tracks without sonic analysis."""

from __future__ import annotations

import argparse
import hashlib
import time
from contextlib import closing

from .analyser import Analysis, pending
from .logs import Log
from .schema import connect
from .settings import from_environment, now
from .worker import Reporter

_BUSY_SHARE = 0.3  # of the time of a track, spent computing rather than waiting


def spend(seconds: float) -> None:
    """Take the time that a track takes, part of it on the processor."""
    end = time.monotonic() + seconds
    busy_until = time.monotonic() + seconds * _BUSY_SHARE
    while time.monotonic() < busy_until:
        hashlib.sha256(b"sonic" * 4096).digest()
    time.sleep(max(0.0, end - time.monotonic()))


def main(arguments: list[str]) -> int:
    """Analyse everything that waits."""
    parser = argparse.ArgumentParser(prog="Plex Music Analyzer")
    parser.add_argument("--activity")
    options = parser.parse_args(arguments)
    settings = from_environment()
    log = Log(settings.logs / "Plex Media Scanner Analysis.log")
    with closing(connect(settings.library)) as library, closing(connect(settings.blobs)) as blobs:
        backlog = pending(library)
        log(f"{len(backlog)} tracks wait for music analysis.")
        analysis = Analysis(
            library,
            blobs,
            clock=now,
            pace=lambda: spend(settings.seconds_per_track),
            report=Reporter(settings, options.activity),
            log=log,
        )
        log(f"{analysis.run(backlog)} tracks analyzed.")
    return 0
