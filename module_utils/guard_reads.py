# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard's children do: each of these may hang, and belongs in a process that can be given up.

Private to this collection.
"""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import typing as t
from collections.abc import Sequence

from . import bounded
from .mount_reading import become, find_files

BLOCK = 4096


def cold_read(root: str, name: str, chooser: random.Random) -> bounded.Answer:
    """Read a block at a random place past the kernel's cache; of a file that is looked for when none is named."""
    path = f"{root}/{name}" if name else next(iter(find_files(root, 1, chooser)), root)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
    size = os.fstat(descriptor).st_size
    return {"bytes": len(os.pread(descriptor, BLOCK, chooser.randrange(max(1, size - BLOCK))))}


def digests(root: str, files: Sequence[str], *, tolerant: bool = False) -> bounded.Answer:
    """Read the beginning of files as Plex would: `{path: digest}`.

    Raises OSError when one cannot be read; when tolerant, only when none can.
    """
    # The way through /proc is root's; below it, the rights of Plex count.
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY)
    become(1000, 1000)
    found: dict[str, t.Any] = {}
    failed: OSError | None = None
    for name in files:
        try:
            descriptor = os.open(name, os.O_RDONLY, dir_fd=directory)
            found[name] = hashlib.sha256(os.read(descriptor, BLOCK)).hexdigest()
            os.close(descriptor)
        except OSError as error:
            if not tolerant:
                raise
            failed = error
    if failed and not found:
        raise failed
    return found


def run(command: Sequence[str], deadline: float, *, wanted: bool = False) -> bounded.Answer:
    """Run a program: `{}`, or its last complaint as an error. wanted: it has to print something.

    `rclone cat` (1.75) of a file that is not there takes its name for a folder's, prints nothing and is content.
    """
    # What it prints are bytes of a film, and no text; only its complaint is one.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline, check=False)
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
    return {"error": said[-1]} if done.returncode or (wanted and not done.stdout) else {}
