# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compress files with the zstd program, which uses all cores and which Python's library does not have before 3.14.

Private to this collection.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

SUFFIX = ".zst"
# Level 1 keeps pace with a disk; level 3 saves another tenth for half as much time again (measured on 456,534 tracks).
LEVEL = "-1"


class CompressionError(Exception):
    """A file could not be compressed; the message is one sentence."""


class Compression:
    """One file being compressed by a process of its own, while the caller does something else."""

    def __init__(self, source: Path) -> None:
        """Start; the result lies beside the source as soon as finish() has returned."""
        self.target = source.with_name(source.name + SUFFIX)
        self._partial = self.target.with_name(self.target.name + ".partial")
        self._partial.unlink(missing_ok=True)
        # --check stores a checksum of the content in the file itself.
        command = ["zstd", "--quiet", LEVEL, "-T0", "--check", "-o", str(self._partial), "--", str(source)]
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except FileNotFoundError as error:
            raise CompressionError("zstd is not installed here: apt-get install zstd.") from error

    def finish(self) -> Path:
        """Wait for the end; return the compressed file, readable by its owner only."""
        _, words = self._process.communicate()
        if self._process.returncode:
            self._partial.unlink(missing_ok=True)
            raise CompressionError(f"{self.target} could not be written: {words.decode(errors='replace').strip()}.")
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
