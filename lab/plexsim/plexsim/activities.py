"""What the server is doing, as ``/activities`` shows it."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from .faults import Faults
from .notifications import Notifications
from .render import Element

_STUCK = "5b0d0000-0000-4000-8000-000000000000"


@dataclass
class Activity:
    """One thing being done."""

    kind: str
    title: str
    subtitle: str = ""
    section_id: int | None = None
    cancellable: bool = False
    progress: int = 0
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)
    cancel: Callable[[], None] | None = None
    cancelled: bool = False
    over: bool = False  # it ended, but a fault keeps it in the list

    def element(self, context_delay: float) -> Element:
        """Show the activity."""
        context = Element("Context", {"librarySectionID": str(self.section_id)}, single=True)
        shown = self.section_id is not None and time.time() - self.started >= context_delay
        return Element(
            "Activity",
            {
                "uuid": self.identity,
                "type": self.kind,
                "cancellable": self.cancellable,
                "userID": 1,
                "title": self.title,
                "subtitle": self.subtitle,
                "progress": self.progress,
            },
            [context] if shown else [],
        )


@dataclass
class Activities:
    """All of them; threads of jobs and of requests meet here."""

    record: Callable[[Activity], None]
    notifications: Notifications
    context_delay: float
    faults: Faults
    running: dict[str, Activity] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, activity: Activity) -> Activity:
        """Show an activity."""
        with self.lock:
            self.running[activity.identity] = activity
        self._tell("started", activity)
        return activity

    def _tell(self, event: str, activity: Activity) -> None:
        self.notifications.activity(event, activity.identity, activity.element(self.context_delay).plain())

    def end(self, activity: Activity, *, cancelled: bool = False) -> None:
        """Stop showing an activity and write it into the history."""
        with self.lock:
            if activity.identity not in self.running or activity.over:
                return
            activity.over, activity.cancelled = True, cancelled
            if self.faults.active("endless_activity") is None:
                del self.running[activity.identity]
        self._tell("ended", activity)
        self.record(activity)

    def progress(self, identity: str, percent: int, subtitle: str | None) -> bool:
        """Note progress reported by a child process."""
        with self.lock:
            activity = self.running.get(identity)
            if activity:
                activity.progress = percent
                activity.subtitle = activity.subtitle if subtitle is None else subtitle
        if activity:
            self._tell("updated", activity)
        return activity is not None

    def elements(self) -> list[Element]:
        """Show them all, with what a fault adds or keeps."""
        with self.lock:
            if self.faults.active("endless_activity") is None:
                self.running = {key: activity for key, activity in self.running.items() if not activity.over}
            shown = [activity.element(self.context_delay) for activity in self.running.values()]
        stuck = self.faults.active("stuck_activity")
        if stuck is not None:
            frozen = Activity("butler", "Stuck", "Processing", progress=int(stuck["progress"]), identity=_STUCK)
            shown.append(frozen.element(self.context_delay))
        return shown
