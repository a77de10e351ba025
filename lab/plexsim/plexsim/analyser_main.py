"""``Plex Music Analyzer``: works the whole backlog of tracks without sonic analysis."""

from __future__ import annotations

import argparse
import sqlite3
from contextlib import closing

from . import fault_names
from .analyser import Analysis, pending
from .logs import Log
from .schema import complaint, connect
from .settings import from_environment, now
from .worker import Reporter, Trouble, compute, spend

_SPIN = 0.1  # seconds between two looks whether to go on


def main(arguments: list[str]) -> int:
    """Analyse everything that waits."""
    parser = argparse.ArgumentParser(prog="Plex Music Analyzer")
    parser.add_argument("--activity")
    options = parser.parse_args(arguments)
    settings = from_environment()
    log = Log(settings.logs / "Plex Media Scanner Analysis.log")
    faults = fault_names.from_environment()
    trouble = Trouble("analyser", faults)

    def pace() -> None:
        spend(settings.seconds_per_track * trouble.slower)
        while faults.active("analyser_spin") is not None:
            compute(_SPIN)
        trouble()

    with closing(connect(settings.library)) as library, closing(connect(settings.blobs)) as blobs:
        backlog = pending(library)
        log(f"{len(backlog)} tracks wait for music analysis.")
        analysis = Analysis(
            library,
            blobs,
            clock=now,
            pace=pace,
            report=Reporter(settings, options.activity),
            log=log,
        )
        try:
            log(f"{analysis.run(backlog)} tracks analyzed.")
        except sqlite3.OperationalError as error:
            log(complaint(error), "ERROR")
            return 1
    return 0
