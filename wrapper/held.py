# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One wrapper per run: whoever destroys a run must not do it under a run that is alive."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wrapper.exits import InputError

LOCK_NAME = "wrapper.lock"


@contextmanager
def held(run_dir: Path) -> Iterator[None]:
    """Hold the run. The kernel lets go when its holder dies, so that a kill leaves nothing to clear."""
    descriptor = os.open(run_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 20, 0).decode().strip()
            raise InputError(
                f"Run {run_dir.name} is in the hands of process {pid}; "
                f"stop it there with Ctrl-C, or with: kill -INT {pid}"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(run_dir: Path) -> int | None:
    """Process that drives the run now, if any."""
    try:
        with (run_dir / LOCK_NAME).open(encoding="ascii") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(stream.read() or 0)
    except OSError:
        return None
    return None
