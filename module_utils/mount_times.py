# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask for the time of every file of a mounted tree, many at once, so that a scan, which asks one by one, need not wait.

The times that an uploader stored cost a request for each file; rclone keeps the answers as long as the mount lives.
Runs on the target by itself: `python3 -m plex_burst_guard.mount_times ROOT NOTE`. The note tells how far it is.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .files import write_json

WORKERS = 64


class Walk:
    """Directories wait in a queue; each worker takes one, stats its files and adds its subdirectories."""

    def __init__(self, root: str) -> None:
        self.waiting = deque([root])
        self.changed = threading.Condition()
        self.busy = self.files = self.failed = 0

    def work(self) -> None:
        """Take directories until none is left and nobody can add one."""
        while True:
            with self.changed:
                while not self.waiting and self.busy:
                    self.changed.wait()
                if not self.waiting:
                    self.changed.notify_all()
                    return
                directory = self.waiting.popleft()
                self.busy += 1
            found, files, failed = look(directory)
            with self.changed:
                self.waiting.extend(found)
                self.files, self.failed = self.files + files, self.failed + failed
                self.busy -= 1
                self.changed.notify_all()


def look(directory: str) -> tuple[list[str], int, int]:
    """Stat all in a directory: its subdirectories, how many files, how many that could not be asked."""
    found: list[str] = []
    files = failed = 0
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        found.append(entry.path)
                    else:
                        entry.stat(follow_symlinks=False)
                        files += 1
                except OSError:
                    failed += 1
    except OSError:
        failed += 1
    return found, files, failed


def run(root: str, tell: Callable[[dict[str, Any]], None], workers: int = WORKERS, every: float = 1.0) -> Walk:
    """Walk the whole tree; tell the state now and then, and at the end with `finished`."""
    walk, started = Walk(root), time.monotonic()
    threads = [threading.Thread(target=walk.work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    while True:
        for thread in threads:
            thread.join(every if thread is threads[0] else 0)
        finished = not any(thread.is_alive() for thread in threads)
        state = {"files": walk.files, "failed": walk.failed, "seconds": round(time.monotonic() - started, 1)}
        tell({**state, "finished": finished, "pid": os.getpid()})
        if finished:
            return walk


def main(words: list[str]) -> int:
    """Do it; 2 for wrong usage."""
    if len(words) != 2:
        print("usage: mount_times ROOT NOTE", file=sys.stderr)
        return 2
    note = Path(words[1])
    run(words[0], lambda state: write_json(note, state))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
