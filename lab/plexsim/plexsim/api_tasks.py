"""Activities and butler tasks."""

from __future__ import annotations

from dataclasses import dataclass

from .butler import TASKS, Butler
from .core import Core
from .handler import LAB_JOBS, Route
from .render import Answer, Element, container, refusal
from .request import Request


@dataclass(frozen=True)
class TasksApi:
    """Routes about background work."""

    core: Core
    butler: Butler

    def routes(self) -> list[Route]:
        """List them."""
        return [
            ("GET", LAB_JOBS, self.jobs),
            ("GET", "/activities", lambda _request: container(self.core.activities.elements())),
            ("PUT", "/activities/([0-9a-f-]+)", self.progress),
            ("DELETE", "/activities/([0-9a-f-]+)", self.cancel),
            ("GET", "/butler", self.tasks),
            ("POST", "/butler", self.start_all),
            ("DELETE", "/butler", self.stop_all),
            ("POST", "/butler/(.+)", self.start),
            ("DELETE", "/butler/(.+)", self.stop),
        ]

    def jobs(self, _request: Request) -> Answer:
        """Tell the lab what is at work: between two activities there is a moment without any."""
        return container([Element("Job", {"name": name}) for name in self.butler.jobs.at_work()])

    def progress(self, request: Request, identity: str) -> Answer:
        """Note what a child process reports."""
        percent = int(request.query["percentComplete"])
        known = self.core.activities.progress(identity, percent, request.query.get("subtitle"))
        return Answer() if known else refusal(404, "Not Found")

    def cancel(self, _request: Request, identity: str) -> Answer:
        """Cancel an activity that can be."""
        activity = self.core.activities.running.get(identity)
        if activity is None:
            return refusal(404, "Not Found")
        if activity.cancel is None or not activity.cancellable:
            return refusal(400, "Bad Request")
        activity.cancel()
        return Answer()

    def tasks(self, _request: Request) -> Answer:
        """List the tasks."""
        return Answer(element=Element("ButlerTasks", {}, self.butler.elements()))

    def start_all(self, _request: Request) -> Answer:
        """Start what the preferences enable."""
        for task in TASKS:
            if self.butler.enabled(task):
                self.butler.start(task)
        return Answer()

    def stop_all(self, _request: Request) -> Answer:
        """Stop everything."""
        self.butler.stop(None)
        return Answer()

    def start(self, _request: Request, task: str) -> Answer:
        """Start one task: 202 when it runs already."""
        if task not in TASKS:
            return refusal(404, "Not Found")
        return Answer(200 if self.butler.start(task) else 202)

    def stop(self, _request: Request, task: str) -> Answer:
        """Stop one task."""
        if task not in TASKS:
            return refusal(404, "Not Found")
        self.butler.stop(task)
        return Answer()
