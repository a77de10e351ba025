"""What all parts of the server share: settings, preferences, databases, activities, log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from . import fault_names, rows
from .activities import Activities, Activity
from .faults import Faults
from .logs import Log
from .notifications import Notifications
from .plex_tv import PlexTv, SignIn, Standing
from .preferences import Preferences
from .schema import connect, transaction
from .settings import Settings, now

_SECONDS = 6  # the code of the finest time span of statistics_bandwidth
STARTING = "Plex Media Server is still starting up. Please retry later."
MIGRATING = "Plex Media Server is currently running database migrations."


@dataclass
class Core:
    """The state of one server process."""

    settings: Settings
    preferences: Preferences
    log: Log
    not_ready: str | None = STARTING  # what to tell clients until the server is up
    standing: Standing | None = None  # what plex.tv said of our token last
    faults: Faults = field(default_factory=fault_names.from_environment)
    notifications: Notifications = field(default_factory=Notifications)
    sent: list[int] = field(default_factory=list)  # sizes of the answers since the last look at the traffic
    activities: Activities = field(init=False)

    def __post_init__(self) -> None:
        self.activities = Activities(self.record, self.notifications, self.settings.scaled(1.0), self.faults)

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
        has_pass = self.standing.has_pass if self.standing else self.settings.has_pass
        return self.claimed and has_pass and self.faults.active("no_pass") is None

    @property
    def token_revoked(self) -> bool:
        """Tell whether plex.tv no longer knows the token that the server has."""
        refused = self.standing is not None and not self.standing.valid
        return self.claimed and (refused or self.faults.active("token_revoked") is not None)

    @property
    def plex_tv(self) -> PlexTv:
        """The account's side."""
        return PlexTv(self.settings.plex_tv)

    def sign_in(self, signed_in: SignIn) -> None:
        """Take a token over."""
        self.preferences.write(
            {
                "PlexOnlineToken": signed_in.token,
                "PlexOnlineUsername": signed_in.username,
                "PlexOnlineMail": signed_in.email,
                "PlexOnlineHome": "0",
                "AcceptedEULA": "1",
            }
        )
        self.look_at_account()
        self.log("MyPlex: signed in.")

    def sign_out(self) -> None:
        """Forget the account."""
        names = ("PlexOnlineToken", "PlexOnlineUsername", "PlexOnlineMail", "PlexOnlineHome")
        self.preferences.write(dict.fromkeys(names))
        self.standing = None

    def look_at_account(self) -> None:
        """Ask plex.tv about our token; keep what it said last while it does not answer."""
        if self.claimed:
            self.standing = self.plex_tv.standing(self.token) or self.standing

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

    def note_bandwidth(self) -> None:
        """Write down what was sent since the last time."""
        sizes, self.sent = self.sent, []
        if sum(sizes):
            row = {"account_id": 1, "timespan": _SECONDS, "at": now(), "lan": 1, "bytes": sum(sizes)}
            with self.library() as library, transaction(library):
                rows.insert(library, "statistics_bandwidth", row)

    def record(self, activity: Activity) -> None:
        """Write an ended activity into the history."""
        row: dict[str, object] = {"type": activity.kind, "title": activity.title, "subtitle": activity.subtitle}
        row |= {"cancelled": int(activity.cancelled), "started_at": int(activity.started), "finished_at": now()}
        try:
            with self.library() as library, transaction(library):
                rows.insert(library, "activities", row)
        except sqlite3.Error as error:
            self.log(f"Saving activity history aborted with DB exception: {error}", "ERROR")
