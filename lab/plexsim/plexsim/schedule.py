"""What the server begins by itself: the butler's tasks in its hours, scans at an interval.

What it begins when media is added is ``Butler.media_added``, called at the end of a scan.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from dataclasses import dataclass, field

from .butler import TASKS, Butler
from .core import Core
from .scans import Scans
from .schema import complaint

_LOOK = 60.0  # real seconds between two looks


def is_open(hour: int, start: int, end: int) -> bool:
    """Tell whether the butler works in this hour; his hours may go over midnight, and none are none."""
    return start <= hour < end if start <= end else hour >= start or hour < end


@dataclass
class Schedule:
    """Looks once a minute what is due."""

    core: Core
    butler: Butler
    scans: Scans
    scanned: float = field(default_factory=time.monotonic)
    at_work: bool = False  # whether the last look was in the butler's hours

    def watch(self, stop: threading.Event) -> None:
        """Look until the server stops."""
        while not stop.wait(self.core.settings.scaled(_LOOK)):
            try:
                self.core.note_bandwidth()
                self.look()
            except sqlite3.Error as error:
                self.core.log(complaint(error), "ERROR")

    def look(self) -> None:
        """Begin what is due now: one task of the butler at a time, in the order of his list."""
        preferences = self.core.preferences
        hours = (int(preferences.get(f"Butler{name}Hour")) for name in ("Start", "End"))
        before, self.at_work = self.at_work, is_open(self.core.settings.butler_hour, *hours)
        if not before:
            self.butler.finished.clear()  # also what was done for added media between the last look and his hours
        if self.at_work and not self.butler.busy():
            due = [task for task in TASKS if task not in self.butler.finished and self.butler.willing(task)]
            self.core.log(f"Butler: {', '.join(due[:1]) or 'nothing'} is due.")
            for task in due[:1]:
                self.butler.start(task)
        interval = self.core.settings.scaled(int(preferences.get("ScheduledLibraryUpdateInterval")))
        if time.monotonic() - self.scanned >= interval:
            self.scanned = time.monotonic()
            if preferences.on("ScheduledLibraryUpdatesEnabled"):
                self.scans.start_all()
