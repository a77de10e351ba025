# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ledger: what a run did and what it owns, written ahead.

One JSON file per run, `<runs directory>/<run id>/ledger.json`. It is written before a machine is asked for
and right after every answer, by the playbooks (module run_ledger, scaleway_server) and by the wrapper, so
whoever comes later, even after a kill, knows what may still cost money.

A reader sees the old ledger or the new one, never half of one: the new text goes to a file beside it, is
synced, and takes the name by rename. Writers queue on a lock file, because the ledger itself changes inode.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT = 1
LEDGER_NAME = "ledger.json"
RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")


class LedgerError(Exception):
    """A sentence for the person who runs us."""


class LedgerExistsError(LedgerError):
    """The run has a ledger already."""


def utc_text(moment: datetime) -> str:
    """A moment as the ledger writes it: UTC, whole seconds, `2026-08-22T10:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_run_id(now: datetime, entropy: str) -> str:
    """`20260822T100000Z-0a1b`: sorts by time, is a legal file name and, lower-case, a legal host name.

    entropy is at least four hexadecimal digits from a random source; the first four are used.
    """
    run_id = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{entropy[:4].lower()}"
    return checked_run_id(run_id)


def checked_run_id(run_id: str) -> str:
    """The run id itself, or LedgerError: it becomes a path and a tag, so nothing else may pass."""
    if not RUN_ID.fullmatch(run_id):
        raise LedgerError(
            f'"{run_id}" is not a run id; one looks like 20260822T100000Z-0a1b, "wrapper runs" lists them.'
        )
    return run_id


def create(runs_dir: str | Path, run_id: str, **facts: Any) -> Path:
    """Make the run directory (0700) and its first ledger; facts are merged over the empty form."""
    run_dir = Path(runs_dir) / checked_run_id(run_id)
    started = datetime.strptime(run_id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    first: dict[str, Any] = {
        "format": FORMAT,
        "run_id": run_id,
        "created_at": utc_text(started),
        "state": "open",
        "inventory": "",
        "profile": "",
        "monitoring": "",
        "sections": [],
        "machine": {},
        "stages": [],
        "results": {},
    }
    try:
        run_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.mkdir(mode=0o700, exist_ok=True)
        with _locked(run_dir):
            if (run_dir / LEDGER_NAME).exists():
                raise LedgerExistsError(f"Run {run_id} exists already in {run_dir}; a new run needs a new id.")
            _write(run_dir, merged(first, facts))
    except OSError as error:
        raise LedgerError(f"Cannot write the ledger in {run_dir}: {error.strerror}.") from error
    return run_dir


def read(run_dir: str | Path) -> dict[str, Any]:
    """The ledger of a run, checked to be one of ours."""
    path = Path(run_dir) / LEDGER_NAME
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LedgerError(f'There is no ledger at {path}; "wrapper runs" lists the known runs.') from None
    except OSError as error:
        raise LedgerError(f"Cannot read the ledger {path}: {error.strerror}.") from error
    except ValueError as error:
        raise LedgerError(
            f"The ledger {path} is not JSON ({error}); its machine is found by tag: wrapper destroy {path.parent.name} "
            "--inventory scaleway (or the inventory that rented it)."
        ) from error
    if not isinstance(ledger, dict) or not isinstance(ledger.get("machine"), dict) or "run_id" not in ledger:
        raise LedgerError(f"{path} is not a ledger: it must be an object with run_id and machine.")
    if ledger.get("format") != FORMAT:
        raise LedgerError(f"The ledger {path} has format {ledger.get('format')!r}; this version reads format {FORMAT}.")
    if ledger["run_id"] != path.parent.name:
        raise LedgerError(f"The ledger {path} belongs to run {ledger['run_id']}, not to {path.parent.name}.")
    return ledger


def merge(run_dir: str | Path, changes: dict[str, Any]) -> dict[str, Any]:
    """Merge changes into the ledger and return it: dicts recursively, lists and values replaced.

    Read, change and write happen under one lock, so two writers of different keys keep both. Nothing is
    written when nothing differs.
    """
    for fixed in ("format", "run_id"):
        if fixed in changes and changes[fixed] != read(run_dir)[fixed]:
            raise LedgerError(f"{fixed} in {run_dir} never changes; it was asked to become {changes[fixed]!r}.")
    try:
        with _locked(Path(run_dir)):
            before = read(run_dir)
            after = merged(before, changes)
            if after != before:
                _write(Path(run_dir), after)
            return after
    except OSError as error:
        raise LedgerError(f"Cannot write the ledger in {run_dir}: {error.strerror}.") from error


def merged(before: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The pure half of merge; neither argument is changed."""
    after = dict(before)
    for key, value in changes.items():
        old = after.get(key)
        after[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return after


def open_runs(runs_dir: str | Path) -> list[dict[str, Any]]:
    """The ledgers of all runs that are not closed, oldest first.

    A directory without a ledger never came to own anything and is passed over; one that cannot be read may
    own a machine, so it raises instead of being forgotten.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(runs_dir) if entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"Cannot list the runs in {runs_dir}: {error.strerror}.") from error
    directories = [Path(runs_dir) / name for name in names if RUN_ID.fullmatch(name)]
    ledgers = [read(directory) for directory in directories if (directory / LEDGER_NAME).exists()]
    return [ledger for ledger in ledgers if ledger.get("state") != "closed"]


def may_be_running(ledger: dict[str, Any]) -> bool:
    """Whether a machine of this run may cost money: one was meant to be, and no proof says it is gone."""
    machine = ledger["machine"]
    return bool(machine.get("intent") or machine.get("server_id")) and not machine.get("gone_at")


@contextmanager
def _locked(run_dir: Path) -> Iterator[None]:
    """Hold the run's lock; the kernel lets go of it when its holder dies, however it dies."""
    try:
        descriptor = os.open(run_dir / "ledger.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        raise LedgerError(f'There is no run directory {run_dir}; "wrapper runs" lists the known runs.') from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(run_dir: Path, ledger: dict[str, Any]) -> None:
    """Replace the ledger durably; the fixed temporary name is safe under the lock and leaves no litter."""
    temporary = run_dir / f"{LEDGER_NAME}.tmp"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        json.dump(ledger, stream, indent=2, sort_keys=False, ensure_ascii=False)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(run_dir / LEDGER_NAME)
    directory = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
