# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask for the time of every file of a mounted tree, many at once, so that a scan, which asks one by one, need not wait.

The times that an uploader stored cost a request for each file; rclone keeps the answers as long as the mount lives.
Where S3 gives none, rclone (1.75) shows the time of the question and says nothing, and the kernel keeps that, too: such
a file is *undated* until the next generation of the mount.
Runs in a child of the guard before Plex sees a new generation, and on the target by itself:
`python3 -m plex_burst_guard.mount_times ROOT NOTE`. The note tells how far it is.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .files import read_json, write_json

WORKERS = 64
# Seconds between two looks at a walk that somebody else began.
POLL = 0.2


@dataclass
class Counts:
    """What came of a walk, or of one directory: files with their times, files without, what could not be asked."""

    files: int = 0
    undated: int = 0
    failed: int = 0


class Walk:
    """Directories wait in a queue; each worker takes one, stats its files and adds its subdirectories."""

    def __init__(self, root: str) -> None:
        self.waiting = deque([root])
        self.changed = threading.Condition()
        self.busy = 0
        self.counts = Counts()
        # The top of a bucket shows when it was mounted; below it, times since then are none of the files' own.
        self.mounted_at = _time_of(root)

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
            found, seen = look(directory, self.mounted_at)
            with self.changed:
                self.waiting.extend(found)
                self.counts.files += seen.files
                self.counts.undated += seen.undated
                self.counts.failed += seen.failed
                self.busy -= 1
                self.changed.notify_all()


def _time_of(root: str) -> float:
    try:
        return Path(root).stat().st_mtime
    except OSError:
        return time.time()


def look(directory: str, mounted_at: float) -> tuple[list[str], Counts]:
    """Stat all in a directory: its subdirectories, and what came of its files."""
    found: list[str] = []
    seen = Counts()
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                try:
                    if entry.is_dir(follow_symlinks=False):
                        found.append(entry.path)
                    elif mounted_at <= entry.stat(follow_symlinks=False).st_mtime <= time.time():
                        seen.undated += 1
                    else:
                        seen.files += 1
                except OSError:
                    seen.failed += 1
    except OSError:
        seen.failed += 1
    return found, seen


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
        state = {**asdict(walk.counts), "seconds": round(time.monotonic() - started, 1)}
        tell({**state, "finished": finished, "pid": os.getpid()})
        if finished:
            return walk


def note_of(socket: str) -> Path:
    """Where whoever walks a generation says so: `{"finished": bool, "files": number, "pid": number, …}`."""
    return Path(socket).parent / "times.json"


def read(note: Path) -> dict[str, Any]:
    """Read how far a walk is; empty when there is none."""
    return dict(read_json(note) or {})


def over(state: dict[str, Any]) -> bool:
    """Whether there is no walk, or it ended before its time."""
    return not state or not (state["finished"] or Path(f"/proc/{state['pid']}").exists())


def fetch(root: str, note: Path) -> dict[str, Any]:
    """Have the walk of this generation done, by whoever is at it, and give what came of it. Raises OSError.

    The note's directory goes with its generation, and the next one's has the same name: it is held, so that a walk that
    ends late says nothing of the next generation.
    """
    directory = os.open(note.parent, os.O_PATH | os.O_DIRECTORY)
    held = Path(f"/proc/self/fd/{directory}") / note.name
    try:
        while not over(state := read(held)) and not state["finished"] and state["pid"] != os.getpid():
            time.sleep(POLL)
        if not state.get("finished"):
            run(root, lambda told: write_json(held, told))
        return read(held)
    finally:
        os.close(directory)


def main(words: list[str]) -> int:
    """Do it; 2 for wrong usage, 1 with a sentence when the generation went meanwhile."""
    if len(words) != 2:
        print("usage: mount_times ROOT NOTE", file=sys.stderr)
        return 2
    try:
        fetch(words[0], Path(words[1]))
    except OSError as error:
        print(f"mount_times: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
