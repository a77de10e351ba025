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
        Fault("clock_skew", "the server's clock is off (headers and rows)", {"seconds": 3600.0}),
    )
}


def from_environment(environment: Mapping[str, str] = os.environ) -> Faults:
    """Give the faults of this container; every process of it reads the same file."""
    return Faults(Path(environment.get("PLEXSIM_FAULTS") or _STATE), FAULTS)
