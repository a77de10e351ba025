# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ctrl-C, SIGTERM and a closed terminal, counted instead of raised.

A handler that raises would stop the run between a create call and the note that it happened. This one only
counts; whoever plays a stage asks, and the teardown does not.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Cancel:
    """How often somebody asked to stop."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def requested(self) -> bool:
        """Whether anybody asked at all."""
        return self.count > 0

    def request(self, number: int = signal.SIGINT, frame: FrameType | None = None) -> None:
        """The signal handler; also what a test calls."""
        del number, frame
        self.count += 1


@contextmanager
def counted_signals() -> Iterator[Cancel]:
    """Count the three signals while the body runs, then give them back.

    One that is ignored already stays so: that is what nohup and a shell's background jobs ask for.
    """
    cancel = Cancel()
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, cancel.request) for number in heard}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
