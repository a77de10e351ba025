"""A run in the lab that is interrupted, or killed, at work: nothing that costs money is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from wrapper import exits, orphans

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1500)]

REPOSITORY = Path(__file__).parents[2]
WRAPPER = (sys.executable, "-m", "wrapper")
UNTIL_AT_WORK_SECONDS = 900
TEARDOWN_SECONDS = 300


class Interrupted:
    """A `wrapper run` in the lab, in a session of its own, seen through its ledger."""

    def __init__(self, runs_dir: Path, output: Path) -> None:
        self.runs_dir = runs_dir
        self._output = output.open("wb")
        self.process = subprocess.Popen(
            [*WRAPPER, "run", "--inventory", "lab", "--section", "Music", "--runs-dir", str(runs_dir)],
            cwd=REPOSITORY,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def said(self) -> str:
        return Path(self._output.name).read_text(errors="replace")

    def book(self) -> dict[str, Any]:
        found = sorted(self.runs_dir.glob("*/ledger.json"))
        return ledger.read(found[0].parent) if found else {"stages": [], "run_id": ""}

    def rented(self) -> dict[str, int]:
        """What the provider would bill for this run: what carries its id, or was noted in its ledger."""
        book = self.book()
        machine = json.dumps(book.get("machine", {}))
        return {
            kind: sum(
                book["run_id"].lower() in json.dumps(entry).lower() or entry["id"] in machine for entry in entries
            )
            for kind, entries in rented().items()
        }

    def state(self, stage: str) -> str:
        return next((str(entry["state"]) for entry in self.book()["stages"] if entry["stage"] == stage), "")

    def analysing(self) -> bool:
        """Whether the stage sonic runs and its count has moved: Plex is in the middle of it."""
        if self.state("sonic") != "running":
            return False
        log = next(self.runs_dir.glob("*/controller.log")).read_text()
        return len(set(re.findall(r"sonic: waiting: .*?(\d+)/\d+ tracks", log))) > 1

    def mounting(self) -> bool:
        """Whether the machine is there and at work."""
        return self.state("mount") == "running"

    def wait_until(self, reached: Callable[[], bool]) -> None:
        """Another process says it only through its ledger and its log."""
        deadline = time.monotonic() + UNTIL_AT_WORK_SECONDS
        while not reached():
            assert self.process.poll() is None, f"the run ended before that:\n{self.said()[-4000:]}"
            assert time.monotonic() < deadline, f"it did not come to that:\n{self.said()[-4000:]}"
            time.sleep(0.2)

    def end(self) -> None:
        """Whatever the test found out, leave no process and no machine."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self._output.close()
        if run_id := self.book()["run_id"]:
            orphans.reap(run_id)
            if ledger.may_be_running(self.book()):
                wrapper("destroy", run_id, "--runs-dir", str(self.runs_dir))


def wrapper(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*WRAPPER, *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=TEARDOWN_SECONDS, check=False
    )


def rented() -> dict[str, list[dict[str, Any]]]:
    """What the provider would bill now; other runs may be among it."""
    status = subprocess.run(
        [str(REPOSITORY / "script" / "lab"), "status", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    cloud = json.loads(status.stdout)["cloud"]
    return {kind: cloud[kind] for kind in ("servers", "volumes", "ips")}


def container_at(address: str) -> str:
    """The stand-in of a rented machine, by its address."""
    names = subprocess.check_output(["docker", "ps", "--quiet"], text=True).split()
    found = json.loads(subprocess.check_output(["docker", "inspect", *names], text=True))
    return next(
        str(one["Id"])
        for one in found
        if any(network["IPAddress"] == address for network in one["NetworkSettings"]["Networks"].values())
    )


ONE_OF_EACH = {"servers": 1, "volumes": 1, "ips": 1}
NOTHING = {"servers": 0, "volumes": 0, "ips": 0}


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[Interrupted]:
    run = Interrupted(tmp_path / "runs", tmp_path / "output")
    yield run
    run.end()


def test_ctrl_c_during_sonic_leaves_nothing(interrupted: Interrupted) -> None:
    interrupted.wait_until(interrupted.analysing)
    assert interrupted.rented() == ONE_OF_EACH
    interrupted.process.send_signal(signal.SIGINT)
    assert interrupted.process.wait(TEARDOWN_SECONDS) == exits.CANCELED, interrupted.said()[-4000:]
    assert interrupted.rented() == NOTHING
    book = interrupted.book()
    assert (book["state"], book["results"]["run"]["verdict"]) == ("closed", "canceled")
    assert book["machine"]["gone_at"]
    assert interrupted.state("collect") == "done", "the logs came home all the same"


def test_a_machine_that_does_not_answer_for_a_while_is_waited_for_and_comes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_SSH_RETRIES", "1")
    run = Interrupted(tmp_path / "runs", tmp_path / "output")
    try:
        run.wait_until(run.analysing)
        machine = container_at(run.book()["machine"]["address"])
        subprocess.run(["docker", "exec", machine, "sh", "-c", "systemctl stop ssh; pkill sshd"], check=True)
        run.wait_until(lambda: "The machine does not answer any more" in run.said())
        subprocess.run(["docker", "exec", machine, "systemctl", "start", "ssh"], check=True)
        assert run.process.wait(UNTIL_AT_WORK_SECONDS) == exits.DONE, run.said()[-4000:]
        assert (run.state("reopen"), run.state("sonic"), run.state("export")) == ("done", "done", "done")
        assert run.book()["results"]["sonic"][0]["verdict"] == "done"
        assert run.rented() == NOTHING
    finally:
        run.end()


def test_ctrl_c_twice_still_leaves_nothing(interrupted: Interrupted) -> None:
    interrupted.wait_until(interrupted.mounting)
    interrupted.process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + TEARDOWN_SECONDS
    while interrupted.state("teardown") != "running" and interrupted.process.poll() is None:
        assert time.monotonic() < deadline, interrupted.said()[-4000:]
        interrupted.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert interrupted.process.poll() is None, "the teardown was over before it could be disturbed"
    interrupted.process.send_signal(signal.SIGTERM)
    assert interrupted.process.wait(TEARDOWN_SECONDS) == exits.CANCELED, interrupted.said()[-4000:]
    assert "Still removing the machine" in interrupted.said()
    assert interrupted.rented() == NOTHING


def test_destroy_removes_what_a_kill_left(interrupted: Interrupted) -> None:
    interrupted.wait_until(interrupted.mounting)
    interrupted.process.kill()
    interrupted.process.wait()
    assert interrupted.rented() == ONE_OF_EACH
    assert ledger.may_be_running(interrupted.book())
    done = wrapper("destroy", "--runs-dir", str(interrupted.runs_dir))
    assert done.returncode == exits.DONE, done.stdout + done.stderr
    assert "machine: gone since" in done.stdout
    assert interrupted.rented() == NOTHING
    assert interrupted.book()["state"] == "closed"
    again = wrapper("destroy", "--runs-dir", str(interrupted.runs_dir))
    assert (again.returncode, "nothing to destroy" in again.stdout) == (exits.DONE, True)
