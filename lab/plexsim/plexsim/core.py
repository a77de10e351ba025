"""What all parts of the server share: settings, preferences, databases, activities, log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from . import rows
from .activities import Activities, Activity
from .logs import Log
from .preferences import Preferences
from .schema import connect, transaction
from .settings import Settings, now

STARTING = "Plex Media Server is still starting up. Please retry later."
MIGRATING = "Plex Media Server is currently running database migrations."


@dataclass
class Core:
    """The state of one server process."""

    settings: Settings
    preferences: Preferences
    log: Log
    not_ready: str | None = STARTING  # what to tell clients until the server is up
    activities: Activities = field(init=False)

    def __post_init__(self) -> None:
        self.activities = Activities(self.record, self.settings.scaled(1.0))

    @property
    def token(self) -> str:
        """The owner's token; empty on an unclaimed server."""
        return self.preferences.get("PlexOnlineToken")

    @property
    def claimed(self) -> bool:
        """Tell whether the server is signed in."""
        return bool(self.token)

    @property
    def entitled(self) -> bool:
        """Tell whether the account behind the server has a pass."""
        return self.claimed and self.settings.has_pass

    @property
    def machine_identifier(self) -> str:
        """The 40 hex digits clients know the server by."""
        return self.preferences.get("ProcessedMachineIdentifier")

    @property
    def child_environment(self) -> dict[str, str]:
        """What a child process needs to report back."""
        return {"X_PLEX_TOKEN": self.token}

    @contextmanager
    def library(self) -> Iterator[sqlite3.Connection]:
        """Open the library for one piece of work."""
        with closing(connect(self.settings.library)) as connection:
            yield connection

    @contextmanager
    def blobs(self) -> Iterator[sqlite3.Connection]:
        """Open the blobs database for one piece of work."""
        with closing(connect(self.settings.blobs)) as connection:
            yield connection

    def record(self, activity: Activity) -> None:
        """Write an ended activity into the history."""
        with self.library() as library, transaction(library):
            rows.insert(
                library,
                "activities",
                {"type": activity.kind, "title": activity.title, "subtitle": activity.subtitle}
                | {"started_at": int(activity.started), "finished_at": now(), "cancelled": 0},
            )
