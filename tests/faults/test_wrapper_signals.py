"""`wrapper run` as a process that is interrupted, hung up on and killed, with real playbooks and no lab.

The playbooks of a miniature project stand in for the real ones; the ledger module is the real one.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from wrapper import exits, orphans
from wrapper.progress import COLOUR

# It needs no lab, only the time that the quick gate does not have: it runs with the slow ones.
pytestmark = pytest.mark.lab

REPOSITORY = Path(__file__).parents[2]
START = "import sys; from pathlib import Path; from wrapper import cli; cli.ROOT = Path.cwd(); sys.exit(cli.main())"
STAGES = ("preflight", "provision", "mount", "restore", "plex", "scan", "sonic", "export", "collect", "teardown")
# Recognisable among all processes, and longer than any test.
SLEEP = "sleep 123.25"

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
"""
MERGE = """
    - name: Write into the ledger
      run_ledger:
        runs_dir: "{{{{ burst_runs_dir }}}}"
        run_id: "{{{{ burst_run_id }}}}"
        state: {state}
        merge: {merge}
"""
TASKS = {
    "provision": MERGE.format(state="found", merge="{machine: {intent: {name: x}, server_id: s-1}}"),
    "sonic": f"    - {{name: Analyse, ansible.builtin.command: {SLEEP}}}\n",
    "teardown": MERGE.format(state="closed", merge='{machine: {gone_at: "2026-08-22T11:00:00Z", proof: {ours: 0}}}'),
}
NOTHING = "    - {name: Do nothing, ansible.builtin.meta: noop}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for directory in ("playbooks", "inventories"):
        (tmp_path / directory).mkdir()
    (tmp_path / "ansible.cfg").write_text(
        f"[defaults]\nlibrary = {REPOSITORY}/library\nmodule_utils = {REPOSITORY}/module_utils\n"
    )
    (tmp_path / "inventories" / "lab.yml").write_text(
        "all: {children: {cloud: {hosts: {localhost: {ansible_connection: local, profile: lite, "
        "ansible_python_interpreter: '{{ ansible_playbook_python }}'}}}}}"
    )
    for stage in STAGES:
        (tmp_path / "playbooks" / f"{stage}.yml").write_text(PLAY + TASKS.get(stage, NOTHING))
    return tmp_path


Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Start the wrapper in a session of its own, so that a signal to it reaches it alone."""
    processes: list[subprocess.Popen[bytes]] = []

    def starter(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        # With an account's token nobody has to be asked for a claim code.
        account = {"PLEX_TOKEN": "of-nobody"}
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", **account}
        command = [sys.executable, "-c", START, *arguments]
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        process = subprocess.Popen(command, cwd=project, env=environment, start_new_session=True, **options)
        processes.append(process)
        return process

    yield starter
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
    for run_dir in (project / ".runs").glob("*"):
        orphans.reap(run_dir.name)


def wait_for(reading: Callable[[], Any], seconds: float = 240) -> Any:
    """Read until it is true; another process says so in no other way."""
    deadline = time.monotonic() + seconds
    while not (value := reading()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return value


def book(project: Path) -> dict[str, Any]:
    (run_dir,) = (project / ".runs").glob("2*")
    return ledger.read(run_dir)


def sleepers(project: Path) -> set[int]:
    """Processes of the run that sleep in the stage sonic."""
    found = set()
    for run_dir in (project / ".runs").glob("2*"):
        for pid in orphans.find(run_dir.name):
            with suppress(OSError):
                if SLEEP in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode():
                    found.add(pid)
    return found


def busyness(work: float = 0.2) -> float:
    """How many times longer work takes here and now than on a machine with nothing else to do."""
    begun, used = time.monotonic(), time.process_time()
    while time.process_time() - used < work:
        sum(range(10_000))
    return max(1.0, (time.monotonic() - begun) / work)


def moment(project: Path, words: str) -> datetime:
    """When the controller's log first said something."""
    (log,) = (project / ".runs").glob("2*/controller.log")
    line = next(line for line in log.read_text().splitlines() if words in line)
    return datetime.fromisoformat(line.split(" ", 1)[0])


@pytest.mark.parametrize(
    ("number", "stage"),
    [
        (signal.SIGINT, "sonic"),
        (signal.SIGTERM, "sonic"),
        # The create call is under way: the ledger knows the name, nobody knows the answer.
        (signal.SIGINT, "provision"),
        (signal.SIGHUP, "provision"),
    ],
)
def test_a_signal_ends_in_a_teardown(project: Path, start: Start, number: signal.Signals, stage: str) -> None:
    if stage == "provision":
        ordering = MERGE.format(state="found", merge="{machine: {intent: {name: x}}}") + TASKS["sonic"]
        (project / "playbooks/provision.yml").write_text(PLAY + ordering)
    process = start("run", "--inventory", "lab")
    tasks = wait_for(lambda: sleepers(project))
    slower = busyness()
    sent = datetime.now().astimezone()
    process.send_signal(number)
    # Impatient people press again: during collect and during teardown.
    wait_for(lambda: [entry for entry in book(project)["stages"] if entry["stage"] == "teardown"])
    process.send_signal(number)
    assert process.wait(240) == exits.CANCELED
    written = book(project)
    assert written["state"] == "closed"
    assert not ledger.may_be_running(written)
    assert {entry["stage"]: entry["state"] for entry in written["stages"]}["teardown"] == "done"
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in tasks)
    # From Ctrl-C to the next stage, the orphan ended in between. Where nothing was prepared, nothing is collected.
    after = "collect: playbooks/collect.yml" if stage == "sonic" else "teardown: playbooks/teardown.yml"
    assert (moment(project, after) - sent).total_seconds() <= 1.5 * slower


def test_a_closed_terminal_ends_in_a_teardown(project: Path, start: Start) -> None:
    ours, theirs = pty.openpty()
    process = start("run", "--inventory", "lab", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = bytearray()

    def read_until_sleeping() -> bool:
        seen.extend(os.read(ours, 65536))
        return bool(sleepers(project))

    wait_for(read_until_sleeping)
    assert "✓ provision" in COLOUR.sub("", seen.decode(errors="replace"))
    os.close(ours)
    # The kernel sends it to whoever leads the terminal's session; here nobody does.
    process.send_signal(signal.SIGHUP)
    assert process.wait(240) == exits.CANCELED
    assert not ledger.may_be_running(book(project))


def test_what_a_kill_leaves_destroy_removes(project: Path, start: Start) -> None:
    process = start("run", "--inventory", "lab")
    tasks = wait_for(lambda: sleepers(project))
    refused = start("destroy", stderr=subprocess.PIPE)
    _, said = refused.communicate(timeout=240)
    assert refused.returncode == exits.USAGE
    assert f"kill -INT {process.pid}" in said.decode()
    process.kill()
    process.wait()
    assert ledger.may_be_running(book(project))
    assert sleepers(project) == tasks, "the task outlives its wrapper"
    listed = start("runs", "--json", stdout=subprocess.PIPE)
    (row,) = json.loads(listed.communicate(timeout=240)[0])
    assert (row["state"], row["machine"]) == ("open", "may be running")
    assert start("destroy").wait(240) == exits.DONE
    assert not ledger.may_be_running(book(project))
    assert sleepers(project) == set()
