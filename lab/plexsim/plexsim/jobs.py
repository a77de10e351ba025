"""Scans and butler tasks: a thread that waits for each, child processes that do the work."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from . import process
from .core import Core
from .schema import complaint


@dataclass
class Job:
    """Something running in the background that can be asked to stop."""

    name: str
    stop: threading.Event = field(default_factory=threading.Event)
    child: subprocess.Popen[bytes] | None = None

    def cancel(self) -> None:
        """Ask for the end; the child is told too."""
        self.stop.set()
        if self.child and self.child.poll() is None:
            self.child.terminate()

    def run_child(self, core: Core, arguments: list[str]) -> int:
        """Run a program to its end; one that was killed from outside is started again, as the server does."""
        while True:
            core.log(f"[JobManager] Starting job '{process.shown(arguments)}'")
            self.child = process.start(arguments, core.child_environment)
            if self.stop.is_set():  # while it was being started
                self.child.terminate()
            code = self.child.wait()
            core.log(f"[JobManager] Job running '{process.shown(arguments)}' exited with code {code}")
            if code >= 0 or self.stop.wait(core.settings.scaled(10)):
                return code


@dataclass
class Jobs:
    """The jobs that run now, by name; one of each name at most."""

    core: Core
    running: dict[str, Job] = field(default_factory=dict)
    threads: list[Job] = field(default_factory=list)  # also those of which only an afterglow remains
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, work: Callable[[Job], None]) -> bool:
        """Start a job unless one of this name runs."""
        job = Job(name)
        with self.lock:
            if name in self.running:
                return False
            self.running[name] = job
            self.threads.append(job)
        threading.Thread(target=self._run, args=(job, work), name=name, daemon=True).start()
        return True

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
        except sqlite3.Error as error:
            self.core.log(complaint(error), "ERROR")
        finally:
            self.finish(job)
            with self.lock:
                self.threads.remove(job)

    def at_work(self) -> list[str]:
        """Name what has not come to its end, the metadata work after a scan too."""
        with self.lock:
            return [job.name for job in self.threads]

    def finish(self, job: Job) -> None:
        """Forget a job, also before its thread ends when only an afterglow remains."""
        with self.lock:
            if self.running.get(job.name) is job:
                del self.running[job.name]

    def is_running(self, name: str) -> bool:
        """Tell whether a job of this name runs."""
        with self.lock:
            return name in self.running

    def cancel(self, kind: str = "", which: str = "") -> None:
        """Ask jobs to stop: all, those of a kind ("scan", "butler"), or the one of them that is named."""
        wanted = f"{kind} {which}".rstrip()
        with self.lock:
            found = [
                job
                for name, job in self.running.items()
                if name == wanted or (not which and kind in ("", name.split()[0]))
            ]
        for job in found:
            job.cancel()
