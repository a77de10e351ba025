"""What a canceled playbook leaves behind is found by its mark, whoever its parent has become."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from wrapper import orphans

# Ids that no other test has: one in another worker may end the processes of its run at this very moment.
RUN = "20260822T100000Z-c41e"
OTHER = "20260822T100000Z-c41f"
# Says "ready" when its handlers stand, so that no test guesses.
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)
PLAIN = "import time; print('ready', flush=True); time.sleep(60)"
PARENT = f"""
import subprocess, sys, os
child = subprocess.Popen([sys.executable, "-c", {PLAIN!r}], env={{}}, start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def start(started: list[subprocess.Popen[str]], code: str, run_id: str | None) -> tuple[subprocess.Popen[str], str]:
    environment = {} if run_id is None else {orphans.MARKER: run_id}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, start_new_session=True, stdout=subprocess.PIPE, text=True
    )
    started.append(process)
    assert process.stdout
    return process, process.stdout.readline().strip()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_ends_the_run_and_nobody_else(started: list[subprocess.Popen[str]]) -> None:
    ours, _ = start(started, PLAIN, RUN)
    stubborn, _ = start(started, STUBBORN, RUN)
    other, _ = start(started, PLAIN, OTHER)
    nobody, _ = start(started, PLAIN, None)
    assert orphans.reap(RUN) == []
    assert ours.wait(5) == -signal.SIGTERM
    assert stubborn.wait(5) == -signal.SIGKILL
    assert other.poll() is None
    assert nobody.poll() is None


def test_finds_children_that_lost_the_mark(started: list[subprocess.Popen[str]]) -> None:
    # A run of its own, for the same reason.
    run_id = "20260822T100000Z-c41d"
    _, child = start(started, PARENT, run_id)
    assert alive(int(child))
    orphans.reap(run_id)
    assert not alive(int(child))


def test_never_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mine = tmp_path / str(os.getpid())
    mine.mkdir()
    (mine / "stat").write_bytes(b"1 (python) S 1 1 1")
    (mine / "environ").write_bytes(f"{orphans.MARKER}={RUN}\0".encode())
    assert orphans.find(RUN, tmp_path) == set()


@pytest.mark.parametrize(
    ("stat", "environ", "found"),
    [
        (b"7 (a b) c) S 1 7 7", f"A=1\0{orphans.MARKER}={RUN}\0", True),
        (b"7 (zombie) Z 1 7 7", f"{orphans.MARKER}={RUN}\0", False),
        (b"7 (x) S 1 7 7", f"{orphans.MARKER}={RUN}x\0", False),
        (b"7 (x) S 1 7 7", f"X{orphans.MARKER}={RUN}\0", False),
    ],
)
def test_the_mark_is_exact(tmp_path: Path, stat: bytes, environ: str, found: bool) -> None:
    process = tmp_path / "7"
    process.mkdir()
    (process / "stat").write_bytes(stat)
    (process / "environ").write_bytes(environ.encode())
    (tmp_path / "self").mkdir()
    assert orphans.find(RUN, tmp_path) == ({7} if found else set())
