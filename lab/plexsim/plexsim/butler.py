"""The butler: background tasks by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from . import process, rows
from .activities import Activity
from .core import Core
from .jobs import Job, Jobs
from .render import Element
from .scans import Scans
from .schema import transaction

# name: days between runs, the preference that enables it, title
TASKS: dict[str, tuple[int, str, str]] = {
    "AutomaticUpdates": (1, "", "Check for server updates"),
    "BackupDatabase": (3, "ButlerTaskBackupDatabase", "Backup Database"),
    "ButlerTaskGenerateAdMarkers": (1, "GenerateAdMarkerBehavior", "Generate ad markers"),
    "ButlerTaskGenerateCreditsMarkers": (1, "GenerateCreditsMarkerBehavior", "Generate credits markers"),
    "ButlerTaskGenerateIntroMarkers": (1, "GenerateIntroMarkerBehavior", "Generate intro markers"),
    "ButlerTaskGenerateVoiceActivity": (1, "GenerateVADBehavior", "Generate voice activity"),
    "CleanOldBundles": (7, "ButlerTaskCleanOldBundles", "Clean old bundles"),
    "CleanOldCacheFiles": (7, "ButlerTaskCleanOldCacheFiles", "Clean old cache files"),
    "DeepMediaAnalysis": (1, "ButlerTaskDeepMediaAnalysis", "Deep Media Analysis"),
    "GarbageCollectBlobs": (7, "ButlerTaskGarbageCollectBlobs", "Garbage collect blobs"),
    "GarbageCollectLibraryMedia": (7, "", "Garbage collect library media"),
    "GenerateBlurHashes": (1, "", "Generate blur hashes"),
    "GenerateChapterThumbs": (1, "GenerateChapterThumbBehavior", "Generate chapter thumbnails"),
    "GenerateMediaIndexFiles": (1, "GenerateBIFBehavior", "Generate media index files"),
    "LoudnessAnalysis": (1, "LoudnessAnalysisBehavior", "Loudness analysis"),
    "MusicAnalysis": (1, "MusicAnalysisBehavior", "Music analysis"),
    "OptimizeDatabase": (7, "ButlerTaskOptimizeDatabase", "Optimize Database"),
    "RefreshEpgGuides": (1, "ButlerTaskRefreshEpgGuides", "Refresh guide data"),
    "RefreshLibraries": (1, "ButlerTaskRefreshLibraries", "Refresh libraries"),
    "RefreshLocalMedia": (3, "ButlerTaskRefreshLocalMedia", "Refresh local media"),
    "RefreshPeriodicMetadata": (1, "ButlerTaskRefreshPeriodicMetadata", "Refresh metadata periodically"),
    "UpgradeMediaAnalysis": (1, "ButlerTaskUpgradeMediaAnalysis", "Upgrade media analysis"),
}
_OTHER_TASK_SECONDS = 20.0
# what the scanner does for the others: they read the media and use the processor, whatever else is at work
_SCANNER_OPTIONS = {
    "DeepMediaAnalysis": ["--analyze-deeply"],
    "GenerateChapterThumbs": ["--generate", "--chapter-thumbs-only"],
    "GenerateMediaIndexFiles": ["--index"],
    "LoudnessAnalysis": ["--analyze-loudness"],
    "UpgradeMediaAnalysis": ["--analyze"],
}
# type and title of the activities for added media, where they are known
_ADDED_ACTIVITIES = {
    "ButlerTaskGenerateCreditsMarkers": ("media.generate.credits", "Detecting Credits"),
    "ButlerTaskGenerateVoiceActivity": ("media.generate.voice.activity", "Detecting voice activity"),
    "GenerateChapterThumbs": ("media.generate.chapter.thumbs", "Generating chapter thumbnails"),
    "GenerateMediaIndexFiles": ("media.generate.bif", "Generating video preview thumbnails"),
}
# what added media asks for where the preference says "asap"; intros are looked for in shows alone
_FOR_ADDED = {
    rows.MUSIC_SECTION: ("LoudnessAnalysis", "MusicAnalysis"),
    rows.MOVIE_SECTION: (*_ADDED_ACTIVITIES, "ButlerTaskGenerateAdMarkers"),
}


def _job(task: str) -> str:
    return f"butler {task}"


@dataclass(frozen=True)
class Butler:
    """Starts, stops and lists tasks."""

    core: Core
    jobs: Jobs
    scans: Scans
    finished: set[str] = field(default_factory=set)  # since his hours began

    def enabled(self, task: str) -> bool:
        """Tell whether the preferences let a task run by itself."""
        preference = TASKS[task][1]
        value = self.core.preferences.get(preference)
        return not preference or value not in ("0", "false", "never")

    def willing(self, task: str) -> bool:
        """Tell whether a task would do something: enabled, and its setting is one that the account has."""
        definition = self.core.preferences.known.get(TASKS[task][1])
        return self.enabled(task) and (self.core.entitled or definition is None or "p" not in definition.flags)

    def busy(self) -> bool:
        """Tell whether a task runs."""
        return any(self.jobs.is_running(_job(task)) for task in TASKS)

    def media_added(self, section_type: int) -> None:
        """Begin what the preferences want done as soon as media is added."""
        for task in _FOR_ADDED.get(section_type, ()):
            if self.core.preferences.get(TASKS[task][1]) == "asap" and self.willing(task):
                shown = _ADDED_ACTIVITIES.get(task, ("butler", task))
                self.jobs.start(_job(task), partial(self._work, task=task, shown=shown))

    def elements(self) -> list[Element]:
        """Show all tasks."""
        return [
            Element(
                "ButlerTask",
                {"name": name, "interval": interval, "scheduleRandomized": interval > 1}
                | {"enabled": self.enabled(name), "title": title, "description": title},
            )
            for name, (interval, _, title) in TASKS.items()
        ]

    def start(self, task: str) -> bool:
        """Start a task unless it runs."""
        return self.jobs.start(_job(task), partial(self._work, task=task, shown=("butler", task)))

    def stop(self, task: str | None) -> None:
        """Stop one task or all."""
        self.jobs.cancel("butler", task or "")

    def _work(self, job: Job, task: str, shown: tuple[str, str]) -> None:
        if task == "MusicAnalysis" and not self.willing(task):
            self.core.log("MusicAnalysis: nothing to do without a pass and with the analysis switched off.")
            return
        activity = self.core.activities.begin(Activity(*shown, "Processing", cancel=job.cancel))
        try:
            if task == "MusicAnalysis":
                job.run_child(self.core, [process.ANALYSER, "--activity", activity.identity])
            elif task in _SCANNER_OPTIONS:
                options = [*_SCANNER_OPTIONS[task], "--activity", activity.identity]
                job.run_child(self.core, [process.SCANNER, *options])
            elif task == "BackupDatabase":
                self._back_up()
            elif task == "GarbageCollectBlobs":
                self._collect_blobs()
            elif task == "RefreshLibraries":
                self.scans.start_all()
            else:
                job.stop.wait(self.core.settings.scaled(_OTHER_TASK_SECONDS))
            if not job.stop.is_set():
                self.finished.add(task)
        finally:
            self.core.activities.end(activity, cancelled=job.stop.is_set())

    def _back_up(self) -> None:
        day = datetime.now(tz=UTC).strftime("%Y-%m-%d")
        self.core.log("Beginning database backup")
        for source in (self.core.settings.library, self.core.settings.blobs):
            target = Path(f"{source}-{day}")
            target.unlink(missing_ok=True)
            with self.core.library() if source == self.core.settings.library else self.core.blobs() as database:
                database.execute("VACUUM INTO ?", (str(target),))
        self.core.log("Database backup completed: 0")

    def _collect_blobs(self) -> None:
        with self.core.library() as library, self.core.blobs() as blobs:
            alive = {row["id"] for row in library.execute("SELECT id FROM metadata_items")}
            linked = blobs.execute(
                "SELECT id, linked_id FROM blobs WHERE linked_type = 'metadata_item' AND linked_id IS NOT NULL"
            ).fetchall()
            with transaction(blobs):
                blobs.executemany(
                    "DELETE FROM blobs WHERE id = ?",
                    [(row["id"],) for row in linked if row["linked_id"] not in alive],
                )
