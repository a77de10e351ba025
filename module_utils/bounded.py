# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do what may never come back in a child with a deadline.

A read on a sick mount may hang for ever, and the process that waits in it cannot be killed at once. So the
child is killed after its deadline and not waited for; whoever asked goes on.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import typing as t
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

Answer = dict[str, t.Any]


class Child:
    """A function that returns a JSON object, at work in a process of its own."""

    def __init__(self, work: Callable[[], Answer], timeout: float, close: Iterable[int] = ()) -> None:
        """Start it; timeout is in seconds, close are descriptors that the child must not keep open."""
        reader, writer = os.pipe()
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        self.pid = os.fork()
        if self.pid == 0:
            for descriptor in (reader, *close):
                os.close(descriptor)
            _work(writer, work)
        os.close(writer)
        self.descriptor = reader
        self._text = b""

    def poll(self, wait: float = 0.0) -> Answer | None:
        """Look for the answer for `wait` seconds.

        None while it works; `{"timeout": True}` once, after its deadline; `{"error": sentence}` when it failed.
        Not to be called again after an answer.
        """
        until = min(time.monotonic() + wait, self.deadline)
        while select.select([self.descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
            piece = os.read(self.descriptor, 65536)
            if not piece:
                os.close(self.descriptor)
                return self._ended()
            self._text += piece
        if time.monotonic() < self.deadline:
            return None
        self.abandon()
        return {"timeout": True}

    def _ended(self) -> Answer:
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        return dict(json.loads(self._text or b'{"error": "it ended without a word"}'))

    def abandon(self) -> None:
        """Kill it without waiting; `reap` collects it when the kernel lets go."""
        os.close(self.descriptor)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Program(Child):
    """A program at work, for what is asked every second: a fork of this interpreter is dearer than the question."""

    def __init__(self, words: Sequence[str], timeout: float) -> None:
        """Start it; timeout is in seconds. It answers `{}` when it succeeds, and with an error and its last words."""
        reader, writer = os.pipe()
        self.started = time.monotonic()
        self.deadline = self.started + timeout
        actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
        self.pid = os.posix_spawn(words[0], list(words), {}, file_actions=actions)
        os.close(writer)
        self.descriptor = reader
        self._text = b""

    def _ended(self) -> Answer:
        if os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == 0:
            return {}
        return {"error": self._text.decode(errors="replace").strip() or "it failed without a word"}


def run(work: Callable[[], Answer], timeout: float, close: Iterable[int] = ()) -> Answer:
    """Do it now and wait for the answer, `timeout` seconds at the most."""
    child = Child(work, timeout, close)
    return child.poll(timeout) or child.poll() or {"timeout": True}


def failure(answer: Answer) -> str:
    """Say why an answer is none; empty for one that is good."""
    return "no answer in time" if "timeout" in answer else str(answer.get("error", ""))


def reap(pids: Iterable[int]) -> list[int]:
    """Collect those of the given-up children that have ended; return those that still hang."""
    left = []
    for pid in pids:
        with suppress(ChildProcessError):
            if not os.waitpid(pid, os.WNOHANG)[0]:
                left.append(pid)
    return left


def _work(writer: int, work: Callable[[], Answer]) -> t.NoReturn:
    """Leave without the parent's clean-up, whatever happens."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    try:
        answer = work()
    except OSError as error:
        answer = {"error": error.strerror or str(error), "errno": error.errno}
    except Exception as error:  # noqa: BLE001 - the parent must hear of anything, it prints the sentence
        answer = {"error": f"{type(error).__name__}: {error}"}
    try:
        os.write(writer, json.dumps(answer).encode())
    finally:
        os._exit(0)
