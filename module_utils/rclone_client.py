# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run rclone's own client, which says what is wrong where a mount only fails.

Private to this collection.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence


def run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run rclone for so long at most; to be too late is a failure like any other. OSError when there is no rclone."""
    try:
        # What it prints may be bytes of a film.
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer")
