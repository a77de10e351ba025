# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compress files with the zstd program, which uses all cores and which Python's library does not have before 3.14.

Private to this collection.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

SUFFIX = ".zst"
# Level 1 keeps pace with a disk; level 3 saves another tenth for half as much time again (measured on 456,534 tracks).
LEVEL = "-1"
LOWER = 5


class CompressionError(Exception):
    """A file could not be compressed; the message is one sentence."""


def _start(*options: str, into: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start zstd: out of a file it is told of, or out of what it is given into an open file."""
    try:
        process = subprocess.Popen(
            ["zstd", "--quiet", LEVEL, "-T0", *options],
            stdin=subprocess.PIPE if into else subprocess.DEVNULL,
            stdout=into,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise CompressionError("zstd is not installed here: apt-get install zstd.") from error
    # Plex comes first, and so does the check of what is compressed; yet with all cores busy it must come on.
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, process.pid, LOWER)
    return process


def _failed(target: Path, words: bytes) -> CompressionError:
    return CompressionError(f"{target} could not be written: {words.decode(errors='replace').strip()}.")


@contextmanager
def compressing(target: Path) -> Iterator[IO[bytes]]:
    """Give a stream whose content is compressed into a new file, which its owner only may read.

    The file has its name when it is whole. Raises CompressionError when it cannot be written.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            process = _start(into=file)
        # At its end the process is waited for and its streams are closed.
        with process:
            assert process.stdin is not None
            try:
                with suppress(BrokenPipeError):
                    yield process.stdin
                _, words = process.communicate()
            except BaseException:
                process.kill()
                raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if process.returncode:
        partial.unlink()
        raise _failed(target, words)
    partial.replace(target)


class Compression:
    """One file being compressed by a process of its own, while the caller does something else."""

    def __init__(self, source: Path) -> None:
        """Start; the result lies beside the source as soon as finish() has returned."""
        self.target = source.with_name(source.name + SUFFIX)
        self._partial = self.target.with_name(self.target.name + ".partial")
        self._partial.unlink(missing_ok=True)
        # --check stores a checksum of the content in the file itself.
        self._process = _start("--check", "-o", str(self._partial), "--", str(source))

    def finish(self) -> Path:
        """Wait for the end; return the compressed file, readable by its owner only."""
        _, words = self._process.communicate()
        if self._process.returncode:
            self._partial.unlink(missing_ok=True)
            raise _failed(self.target, words)
        self._partial.chmod(0o600)
        self._partial.replace(self.target)
        return self.target

    def abandon(self) -> None:
        """Stop if it still runs and leave nothing half; does no harm after finish()."""
        self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()
        self._partial.unlink(missing_ok=True)
