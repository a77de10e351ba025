"""What process 1 does for a fault: signals, a held lock, damaged pages. Slow or hanging workers do it to themselves."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from . import process
from .faults import Faults
from .settings import Settings

PROGRAMS = {"server": process.SERVER, "scanner": process.SCANNER, "analyser": process.ANALYSER}
_JUNK = b"\x55"


def processes(program: str) -> list[int]:
    """List the processes of a program by the start of their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes().startswith(program.encode()):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def send(number: int, program: str) -> int:
    """Signal every process of a program; give how many there were."""
    found = processes(program)
    for pid in found:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    return len(found)


def damage(database: Path, table: str) -> None:
    """Overwrite the page that a table's tree begins with; the file's header and schema stay readable."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    if not found or not found[0]:
        raise LookupError(f"{database.name} has no table {table!r}")
    with database.open("r+b") as file:
        file.seek((found[0] - 1) * page_size)
        file.write(_JUNK * page_size)


@dataclass
class Acts:
    """The faults that need somebody outside the server, done step by step while it runs."""

    settings: Settings
    faults: Faults
    say: Callable[[str], None]
    lock: threading.Lock  # of the state: the admin port writes it too
    stopped: bool = False  # the server is held by SIGSTOP
    up_since: float | None = None
    locks: dict[str, sqlite3.Connection] = field(default_factory=dict)

    def step(self, *, up: bool) -> None:
        """Do what is wished now; called a few times a second."""
        self._stall()
        self._once("crash", lambda _: send(signal.SIGSEGV, process.SERVER) > 0)
        self._once("oom_kill", lambda wish: send(signal.SIGKILL, PROGRAMS[str(wish["process"])]) > 0)
        self._once("database_corrupt", self._corrupt)
        self._crash_loop(up=up)
        self._lock(up=up)

    def _once(self, name: str, act: Callable[[dict[str, object]], bool]) -> None:
        """Do a momentary fault, and switch it off when it could be done."""
        wish = self.faults.active(name)
        if wish is None:
            return
        try:
            done = act(dict(wish))
        except (LookupError, OSError, sqlite3.Error) as error:
            self.say(f"The fault {name} cannot be done: {error}")
            done = True
        if done:
            with self.lock:
                self.faults.switch(name, on=False)

    def _stall(self) -> None:
        wanted = self.faults.active("stall") is not None
        if wanted:  # again and again: a server that was started since is held too
            send(signal.SIGSTOP, process.SERVER)
        elif self.stopped:
            send(signal.SIGCONT, process.SERVER)
        self.stopped = wanted

    def _crash_loop(self, *, up: bool) -> None:
        if not up:
            self.up_since = None
            return
        self.up_since = self.up_since or time.monotonic()
        wish = self.faults.active("crash_loop")
        if wish is not None and time.monotonic() - self.up_since >= float(wish["after"]):
            send(signal.SIGSEGV, process.SERVER)

    def _corrupt(self, wish: dict[str, object]) -> bool:
        path = self.settings.blobs if wish["database"] == "blobs" else self.settings.library
        with closing(sqlite3.connect(path)) as connection:  # else the log would still hold the good page
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(path, str(wish["table"]))
        return True

    def _lock(self, *, up: bool) -> None:
        """Hold the write lock of both databases, as a transaction that does not end would."""
        wanted = self.faults.active("database_locked") is not None
        if not wanted:
            for connection in self.locks.values():
                connection.close()
            self.locks.clear()
        elif up:
            for path in (self.settings.library, self.settings.blobs):
                if path.name not in self.locks and path.exists():
                    self._take(path)

    def _take(self, path: Path) -> None:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:  # somebody writes just now: the next step tries again
            connection.close()
            return
        self.locks[path.name] = connection
