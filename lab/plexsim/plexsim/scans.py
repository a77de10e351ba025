"""Section refreshes: the scanner process, the trash, and the metadata work that goes on afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from . import process, refresh, trash
from .activities import Activity
from .core import Core
from .jobs import Job, Jobs
from .schema import transaction
from .settings import now

_TAIL = 28.0  # seconds of metadata activities after "refreshing" has gone back to 0


def name_of(section_id: int | str) -> str:
    """Name the job that scans a section."""
    return f"scan {section_id}"


@dataclass(frozen=True)
class Scans:
    """Starts and stops scans."""

    core: Core
    jobs: Jobs

    def start(self, section_id: int, title: str, *, force: bool) -> bool:
        """Scan a section unless it is being scanned."""
        return self.jobs.start(name_of(section_id), lambda job: self._work(job, section_id, title, force=force))

    def cancel(self, section_id: int | None) -> None:
        """Stop scanning a section, or all."""
        self.jobs.cancel(name_of("" if section_id is None else section_id))

    def refreshing(self, section_id: int) -> bool:
        """Tell what the section list shows."""
        return self.jobs.is_running(name_of(section_id))

    def _work(self, job: Job, section_id: int, title: str, *, force: bool) -> None:
        core = self.core
        activity = core.activities.begin(
            Activity("library.update.section", f"Scanning {title}", "", section_id, cancel=job.cancel)
        )
        arguments = [process.SCANNER, "--scan", "--refresh", *(["--force"] if force else [])]
        try:
            job.run_child(core, [*arguments, "--section", str(section_id), "--activity", activity.identity])
            if core.preferences.on("autoEmptyTrash") and not job.stop.is_set():
                self.empty_trash(section_id)
        finally:
            core.activities.end(activity)
        core.notifications.status("Library scan complete", f"{title} has been scanned.", "LIBRARY_UPDATE")
        self.jobs.finish(job)
        if not job.stop.is_set():
            self._metadata(job, section_id, force=force)

    def empty_trash(self, section_id: int) -> int:
        """Remove what is marked as deleted."""
        with self.core.library() as library, transaction(library):
            gone = trash.empty(library, section_id)
        self.core.log(f"Emptied the trash of section {section_id}: {gone} items removed.")
        return gone

    def _metadata(self, job: Job, section_id: int, *, force: bool) -> None:
        core = self.core
        with core.library() as library:
            waiting = refresh.wanted(library, section_id, force=force)
            for item in waiting:
                activity = core.activities.begin(
                    Activity("library.update.item.metadata", "Updating Metadata", item.title, section_id)
                )
                try:
                    if job.stop.wait(core.settings.scaled(_TAIL) / len(waiting)):
                        return
                    refresh.refresh(library, item, now())
                    (kind,) = library.execute(
                        "SELECT metadata_type FROM metadata_items WHERE id = ?", (item.item_id,)
                    ).fetchone()
                    core.notifications.timeline(section_id, item.item_id, kind, item.title, now())
                finally:
                    core.activities.end(activity)
