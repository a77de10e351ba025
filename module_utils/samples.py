# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Samples of one phase as JSON lines: history for the judgement, evidence for people.

Lines are only ever appended. A line that a crash cut short is ignored when reading and closed when appending.
"""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

Sample = dict[str, t.Any]

BEGIN = "begin"
SAMPLE = "sample"
# A sample that begins another try: what was silent before it is not held against the time after it.
RETRY = "retry"


def append(path: Path, line: Sample) -> None:
    """Add one line and have it on disk before returning."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(line, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with path.open("ab+") as stream:
        if stream.tell() and not _ends_a_line(stream):
            text = b"\n" + text
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _ends_a_line(stream: t.BinaryIO) -> bool:
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def parse(text: str) -> list[Sample]:
    """All whole lines."""
    lines = []
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue  # cut short by a crash
        if isinstance(value, dict):
            lines.append(value)
    return lines


def read(path: Path) -> list[Sample]:
    """All lines of a file; none when nothing was sampled yet."""
    try:
        return parse(path.read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return []


def current(lines: t.Sequence[Sample], run_id: str = "") -> list[Sample]:
    """The lines since the phase last began, its begin line first; none when that was in another run."""
    for position in range(len(lines) - 1, -1, -1):
        if lines[position].get("kind") == BEGIN:
            same_run = not run_id or lines[position].get("run_id") == run_id
            return list(lines[position:]) if same_run else []
    return []
