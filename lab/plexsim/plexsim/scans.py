"""Section refreshes: the scanner process, the trash, and the metadata work that goes on afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from . import process, refresh, trash
from .activities import Activity
from .core import Core
from .jobs import Job, Jobs
from .schema import transaction
from .settings import now

_KIND = "scan"
_STEP = 0.1  # seconds between two looks whether to go on
_TAIL = 28.0  # seconds of metadata activities after "refreshing" has gone back to 0


def name_of(section_id: int) -> str:
    """Name the job that scans a section."""
    return f"{_KIND} {section_id}"


@dataclass(frozen=True)
class Wish:
    """What to scan: a section, or one folder of it."""

    section_id: int
    title: str
    force: bool = False
    folder: str = ""

    def options(self) -> list[str]:
        """Give them as the scanner's options."""
        return [
            *("--scan", "--refresh"),
            *(["--force"] if self.force else []),
            *("--section", str(self.section_id)),
            *(["--directory", self.folder] if self.folder else []),
        ]


@dataclass(frozen=True)
class Scans:
    """Starts and stops scans."""

    core: Core
    jobs: Jobs
    when_added: list[Callable[[int], None]] = field(default_factory=list)  # told the section's type

    def start(self, wish: Wish) -> bool:
        """Scan unless the section is being scanned."""
        return self.jobs.start(name_of(wish.section_id), lambda job: self._work(job, wish))

    def start_all(self) -> None:
        """Scan every section."""
        with self.core.library() as library:
            found = library.execute("SELECT id, name FROM library_sections ORDER BY id").fetchall()
        for section in found:
            self.start(Wish(section["id"], section["name"]))

    def cancel(self, section_id: int | None) -> None:
        """Stop scanning a section, or all."""
        self.jobs.cancel(_KIND, "" if section_id is None else str(section_id))

    def refreshing(self, section_id: int) -> bool:
        """Tell what the section list shows."""
        return self.jobs.is_running(name_of(section_id))

    def _work(self, job: Job, wish: Wish) -> None:
        core = self.core
        activity = core.activities.begin(
            Activity("library.update.section", f"Scanning {wish.title}", "", wish.section_id, cancel=job.cancel)
        )
        newest = self._newest(wish.section_id)
        try:
            job.run_child(core, [process.SCANNER, *wish.options(), "--activity", activity.identity])
            if core.preferences.on("autoEmptyTrash") and not job.stop.is_set():
                self.empty_trash(wish.section_id)
        finally:
            core.activities.end(activity, cancelled=job.stop.is_set())
        core.notifications.status("Library scan complete", f"{wish.title} has been scanned.", "LIBRARY_UPDATE")
        if self._newest(wish.section_id) != newest:
            self._tell_added(wish.section_id)
        self.jobs.finish(job)
        if not job.stop.is_set():
            self._metadata(job, wish)

    def _newest(self, section_id: int) -> int | None:
        with self.core.library() as library:
            found = library.execute("SELECT max(id) FROM media_items WHERE library_section_id = ?", (section_id,))
            newest: int | None = found.fetchone()[0]
        return newest

    def _tell_added(self, section_id: int) -> None:
        with self.core.library() as library:
            found = library.execute("SELECT section_type FROM library_sections WHERE id = ?", (section_id,)).fetchone()
        for tell in self.when_added if found else []:
            tell(found["section_type"])

    def analyse(self, section_id: int) -> bool:
        """Look into the files of a section that were not looked into, unless that is being done."""
        return self.jobs.start(f"analyse {section_id}", lambda job: self._analyse(job, section_id))

    def _analyse(self, job: Job, section_id: int) -> None:
        words = ("Refreshing", "Refreshing media analysis")
        activity = self.core.activities.begin(Activity("library.refresh.items", *words, section_id, cancel=job.cancel))
        options = ["--analyze", "--section", str(section_id), "--activity", activity.identity]
        try:
            job.run_child(self.core, [process.SCANNER, *options])
        finally:
            self.core.activities.end(activity, cancelled=job.stop.is_set())

    def empty_trash(self, section_id: int) -> int:
        """Remove what is marked as deleted."""
        with self.core.library() as library, transaction(library):
            gone = trash.empty(library, section_id)
        self.core.log(f"Emptied the trash of section {section_id}: {gone} items removed.")
        return gone

    def _metadata(self, job: Job, wish: Wish) -> None:
        core, section_id = self.core, wish.section_id
        with core.library() as library:
            waiting = refresh.wanted(library, section_id, force=wish.force, folder=wish.folder)
            for item in waiting:
                activity = core.activities.begin(
                    Activity("library.update.item.metadata", "Updating Metadata", item.title, section_id)
                )
                try:
                    if job.stop.wait(core.settings.scaled(_TAIL) / len(waiting)):
                        return
                    while core.faults.active("metadata_stall") is not None:
                        if job.stop.wait(_STEP):
                            return
                    refresh.refresh(library, item, now())
                    (kind,) = library.execute(
                        "SELECT metadata_type FROM metadata_items WHERE id = ?", (item.item_id,)
                    ).fetchone()
                    core.notifications.timeline(section_id, item.item_id, kind, item.title, now())
                finally:
                    core.activities.end(activity, cancelled=job.stop.is_set())
