"""What the server tells those who listen: activities, the timeline of items, the status of scans."""

from __future__ import annotations

import json
import queue
import threading
from dataclasses import dataclass, field

Messages = queue.SimpleQueue[str | None]
PROCESSED = 5  # the state of a timeline entry whose item is done


@dataclass
class Notifications:
    """Hands every message to every listener; listeners come and go with their connections."""

    listeners: list[Messages] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def subscribe(self) -> Messages:
        """Give the queue of a new listener."""
        messages: Messages = queue.SimpleQueue()
        with self.lock:
            self.listeners.append(messages)
        return messages

    def leave(self, messages: Messages) -> None:
        """Forget a listener, whose queue ends with None."""
        with self.lock:
            self.listeners = [known for known in self.listeners if known is not messages]
        messages.put(None)

    def _publish(self, kind: str, member: str, entry: dict[str, object]) -> None:
        text = json.dumps({"NotificationContainer": {"type": kind, "size": 1, member: [entry]}}, ensure_ascii=False)
        with self.lock:
            for messages in self.listeners:
                messages.put(text)

    def activity(self, event: str, identity: str, shown: dict[str, object]) -> None:
        """Tell that an activity has ``started``, was ``updated`` or has ``ended``."""
        self._publish("activity", "ActivityNotification", {"event": event, "uuid": identity, "Activity": shown})

    def timeline(self, section_id: int, item_id: int, kind: int, title: str, moment: int) -> None:
        """Tell that an item of a section has its metadata."""
        entry: dict[str, object] = {
            "identifier": "com.plexapp.plugins.library",
            "sectionID": str(section_id),
            "itemID": str(item_id),
            "type": kind,
            "title": title,
            "state": PROCESSED,
            "updatedAt": moment,
        }
        self._publish("timeline", "TimelineEntry", entry)

    def status(self, title: str, description: str, name: str) -> None:
        """Tell what a person would be told."""
        entry: dict[str, object] = {"title": title, "description": description, "notificationName": name}
        self._publish("status", "StatusNotification", entry)
