# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The terminal's view: the list of stages, one of them moving."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from wrapper.progress import Update
from wrapper.stages import Stage
from wrapper.view import End, Outlet, duration

SIGNS = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "canceled": ("✗", "yellow"),
}
WHEEL = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass
class Row:
    """One stage on the screen."""

    stage: Stage
    end: End | None = None
    since: float | None = None
    seconds: float = 0.0
    detail: str = ""


class LiveView:
    """One updating block; warnings, failures and notes scroll above it. NO_COLOR is honoured by rich.

    It redraws when it is told something and when the heartbeat of the playbook ticks: no thread.
    """

    def __init__(self, outlet: Outlet) -> None:
        self._console = Console(file=cast("IO[str]", outlet), force_terminal=True, highlight=False)
        self._live = self._block()
        self._title = ""
        self._spent = ""
        self._rows: dict[str, Row] = {}
        self._since = time.monotonic()
        self._current: Row | None = None

    def open(self, title: str, stages: Sequence[Stage]) -> None:
        """Put the whole list on the screen."""
        self._title = title
        self._rows = {stage.name: Row(stage) for stage in stages}
        self._live.start()
        self._draw()

    def begin(self, stage: Stage) -> None:
        """Make a stage the moving one."""
        self._current = self._rows.setdefault(stage.name, Row(stage))
        self._current.end, self._current.since, self._current.detail = None, time.monotonic(), stage.purpose
        self._draw()

    def show(self, update: Update) -> None:
        """Warnings, failures and what roles tell scroll by; everything else is the moving line's news."""
        if update.kind in {"warning", "failure"}:
            style = "yellow" if update.kind == "warning" else "red"
            self._console.print(Text(f"{update.kind}: {update.text}", style=style), soft_wrap=True)
        if update.kind == "told":
            self.note(update.text)
        if self._current is not None and update.kind not in {"warning", "told"}:
            self._current.detail = next(iter(update.text.splitlines()), "")
        self._draw()

    def tick(self) -> None:
        """Move the clock."""
        self._draw()

    def end(self, stage: Stage, end: End, seconds: float, detail: str = "") -> None:
        """Settle a stage's line."""
        row = self._rows.setdefault(stage.name, Row(stage))
        row.end, row.seconds, row.detail = end, seconds, next(iter(detail.splitlines()), "")
        self._current = None
        self._draw()

    def spent(self, text: str) -> None:
        """Beside the clock, from the next drawing on."""
        self._spent = f"   {text}"

    def note(self, text: str) -> None:
        """Say it above the list."""
        self._console.print(Text(text), soft_wrap=True)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the list standing and draw nothing; afterwards there is a new list below what was said."""
        self._live.stop()
        try:
            yield
        finally:
            # A block that was stopped would go up to where it stood, over what was said.
            self._live = self._block()
            self._live.start()
            self._draw()

    def _block(self) -> Live:
        return Live(console=self._console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)

    def close(self) -> None:
        """Leave the last state standing."""
        self._draw()
        self._live.stop()

    def _draw(self) -> None:
        now = time.monotonic()
        heading = Text(
            f"{self._title}   {duration(now - self._since)}{self._spent}",
            style="bold",
            no_wrap=True,
            overflow="ellipsis",
        )
        self._live.update(Group(heading, *(_line(row, now) for row in self._rows.values())), refresh=True)


def _line(row: Row, now: float) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    if row.end is not None:
        sign, style = SIGNS[row.end]
        line.append(f" {sign} ", style=style)
        line.append(f"{row.stage.name:<10} {duration(row.seconds):>12}  ")
        return line.append(row.detail, style="" if row.end == "done" else style)
    if row.since is not None:
        seconds = now - row.since
        line.append(f" {WHEEL[int(now * 8) % len(WHEEL)]} ", style="cyan")
        line.append(f"{row.stage.name:<10} {duration(seconds):>12}  ", style="bold")
        return line.append(row.detail)
    return line.append(f"   {row.stage.name}", style="dim")
