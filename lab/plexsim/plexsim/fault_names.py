"""The faults of the media server stand-in: the one place where they have their names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .faults import Fault, Faults

_STATE = "/run/plexsim-faults.json"

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("unavailable", "every request is answered 503 Maintenance"),
        Fault("slow_answers", "every answer waits", {"seconds": 3.0}),
        Fault("token_revoked", "the owner's token is refused with 401"),
        Fault("no_pass", "the account has no pass: five settings are missing, no sonic analysis"),
        Fault("stuck_activity", "an activity is shown whose progress never moves", {"progress": 42.0}),
        Fault("endless_activity", "scans, metadata work and butler tasks do their work, but their activity never ends"),
        Fault("metadata_stall", "the metadata work after a scan hangs"),
        Fault("stall", "the server hangs: connections are taken, nothing is answered (SIGSTOP)"),
        Fault("crash", "the server dies once, and is started again"),
        Fault("crash_loop", "the server dies so many seconds after every start", {"after": 1.0}),
        Fault("oom_kill", "the kernel's choice, once: server, scanner or analyser is killed", {"process": "server"}),
        Fault("database_locked", "a transaction that does not end holds the write lock of both databases"),
        Fault("disk_full", "nothing more can be written to the databases"),
        Fault(
            "database_corrupt",
            "a page of a table is overwritten on disk, once and for good; database: library or blobs",
            {"database": "library", "table": "media_parts"},
        ),
        Fault("scanner_slow", "every directory takes so many times longer", {"factor": 20.0}),
        Fault("scanner_stall", "the scanner hangs"),
        Fault("scanner_crash", "each scanner dies after so many directories, and is started again", {"after": 5.0}),
        Fault("analyser_slow", "every track takes so many times longer", {"factor": 20.0}),
        Fault("analyser_stall", "the analyser hangs without reading or computing"),
        Fault("analyser_spin", "the analyser computes without reading or coming further"),
        Fault("analyser_crash", "each analyser dies after so many tracks, and is started again", {"after": 5.0}),
        Fault("clock_skew", "the server's clock is off (headers and rows)", {"seconds": 3600.0}),
    )
}


def from_environment(environment: Mapping[str, str] = os.environ) -> Faults:
    """Give the faults of this container; every process of it reads the same file."""
    return Faults(Path(environment.get("PLEXSIM_FAULTS") or _STATE), FAULTS)
