# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees of a run: one line per change in a pipe; the terminal's view is in live.py."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import Literal, Protocol, TextIO

from wrapper.progress import Update
from wrapper.stages import Stage

End = Literal["done", "failed", "canceled"]

# A task that takes this long is worth its own line in a pipe; shorter ones are only in the log.
LONG_TASK_SECONDS = 10.0


class View(Protocol):
    """Both views; every call is cheap and none raises because the reader is gone."""

    def open(self, title: str, stages: Sequence[Stage]) -> None:
        """The run begins."""

    def begin(self, stage: Stage) -> None:
        """A stage begins."""

    def show(self, update: Update) -> None:
        """Something changed."""

    def tick(self) -> None:
        """Time went by."""

    def end(self, stage: Stage, end: End, seconds: float, detail: str = "") -> None:
        """A stage ended."""

    def spent(self, text: str) -> None:
        """What the run has cost so far."""

    def note(self, text: str) -> None:
        """Something that belongs to no stage."""

    def aside(self) -> AbstractContextManager[None]:
        """Leave the screen to somebody who asks a person something."""

    def close(self) -> None:
        """The run is over."""


class Outlet:
    """A text stream that may lose its reader: a closed pipe or terminal must not stop a teardown."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a ✓ gets a ?, not an end.
            stream.reconfigure(errors="replace")

    def write(self, text: str) -> int:
        """Write, or lose it with the reader."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            self._lose()
            return len(text)

    def flush(self) -> None:
        """Flush, or lose it with the reader."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            self._lose()

    def isatty(self) -> bool:
        """Whether a person looks."""
        with suppress(OSError, ValueError):
            return self._stream.isatty()
        return False

    def fileno(self) -> int:
        """What rich asks for to know the width."""
        return self._stream.fileno()

    def _lose(self) -> None:
        """Send the rest, and what Python flushes at its exit, nowhere."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def say(lines: Sequence[str], stream: TextIO) -> None:
    """Print lines at the end of a command; a reader that is gone changes no exit code."""
    outlet = Outlet(stream)
    outlet.write("".join(f"{line}\n" for line in lines))
    outlet.flush()


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `1 h 02 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class LineView:
    """For pipes, files and dumb terminals."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._stage = ""
        self._last = ""
        self._task = ""
        self._task_since = 0.0
        self._spent = ""

    def open(self, title: str, stages: Sequence[Stage]) -> None:
        """Say what is about to happen."""
        self._line(title)
        self._line("stages: " + " ".join(stage.name for stage in stages))

    def begin(self, stage: Stage) -> None:
        """One line: what the stage is for."""
        self._stage, self._last, self._task = stage.name, "", ""
        self._say(f"{stage.purpose} ...")

    def show(self, update: Update) -> None:
        """One line if it says something new; a task only if it takes long."""
        if update.kind == "task":
            self._task, self._task_since = update.text, time.monotonic()
            return
        # A wait that tells its own news needs no line about the task that waits.
        self._task = ""
        self._say(update.text if update.kind in {"waiting", "told"} else f"{update.kind}: {update.text}")

    def tick(self) -> None:
        """Name the task that takes long."""
        if self._task and time.monotonic() - self._task_since >= LONG_TASK_SECONDS:
            self._say(self._task)
            self._task = ""

    def end(self, stage: Stage, end: End, seconds: float, detail: str = "") -> None:
        """One line: how the stage ended."""
        cost = f", {self._spent}" if self._spent else ""
        self._say(f"{end} after {duration(seconds)}{cost}{': ' + detail if detail and end != 'failed' else ''}")
        self._stage = stage.name

    def spent(self, text: str) -> None:
        """Said when a stage ends."""
        self._spent = text

    def note(self, text: str) -> None:
        """Say it as it is."""
        self._line(text)

    def aside(self) -> AbstractContextManager[None]:
        """Lines do not get in the way."""
        return nullcontext()

    def close(self) -> None:
        """Nothing stays open."""
        self._outlet.flush()

    def _say(self, text: str) -> None:
        if text != self._last:
            self._last = text
            self._line(f"{self._stage:<9} {text}")

    def _line(self, text: str) -> None:
        moment = datetime.now(UTC).strftime("%H:%M:%SZ")
        self._outlet.write("".join(f"{moment} {line}\n" for line in text.splitlines()))
        self._outlet.flush()


def view_for(stream: TextIO) -> View:
    """The live view on a terminal, lines everywhere else."""
    outlet = Outlet(stream)
    if not outlet.isatty() or os.environ.get("TERM", "dumb") == "dumb":
        return LineView(outlet)
    # Not at the top: rich costs time that a pipe and `--help` need not pay.
    from wrapper.live import LiveView

    return LiveView(outlet)
