"""The seam, with the real ansible-runner on tiny playbooks."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wrapper import orphans
from wrapper.playbook import Event, Outcome, play
from wrapper.progress import update

# ansible-runner does not get along with the streams of a test worker.
pytestmark = pytest.mark.alone

RUN = "20260822T100000Z-0a1b"
CANARY = "canary-0123456789abcdef"

# Waits without a word, in a process of its own, as a module that talks to a provider does.
SLEEPS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Sleep
      ansible.builtin.command: sleep 61.25
"""
ANSWERS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Say what arrived
      ansible.builtin.copy:
        content: "{{ {'given': given, 'secret': secret, 'checks': checks} }}"
        dest: "{{ answer }}"
        mode: "0600"
      vars:
        secret: "{{ lookup('env', 'LAB_SECRET') }}"
        checks: "{{ lookup('config', 'HOST_KEY_CHECKING') }}"
"""
PACKS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Look for a secret in the directory that the logs are taken from
      ansible.builtin.command: grep -rlF "{{ lookup('env', 'LAB_SECRET') }}" "{{ place }}"
      register: found
      failed_when: found.rc != 1
"""
INVENTORY = """
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""
FAILS = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Refuse
      ansible.builtin.assert:
        that: false
        fail_msg: Unknown section "X". Known are Music, Movies.
        quiet: true
"""


@dataclass
class Stage:
    root: Path
    events: list[Event] = field(default_factory=list)

    def play(self, text: str, cancel: Callable[[], bool] = lambda: False, **extravars: Any) -> Outcome:
        (self.root / "play.yml").write_text(text)
        inventory = self.root / "inventory.yml"
        inventory.write_text(INVENTORY)
        return play(
            "play.yml",
            self.stage_dir,
            inventory,
            extravars,
            on_event=self.events.append,
            cancel=cancel,
            root=self.root,
            run_id=RUN,
        )

    @property
    def stage_dir(self) -> Path:
        return self.root / "stages" / "01-play"

    def sentences(self, kind: str) -> list[str]:
        return [change.text for change in map(update, self.events) if change and change.kind == kind]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    return Stage(tmp_path)


def test_success(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAB_SECRET", CANARY)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    answer = tmp_path / "answer.json"
    outcome = stage.play(ANSWERS, given=["Jazz & Blues", "日本"], answer=str(answer))
    assert outcome.ok
    # What was given arrives as data, a secret through the environment, host keys are checked.
    assert json.loads(answer.read_text()) == {"given": ["Jazz & Blues", "日本"], "secret": CANARY, "checks": True}
    assert "Say what arrived" in stage.sentences("task")
    answer.unlink()
    left = {path for path in tmp_path.rglob("*") if path.is_file() and CANARY in path.read_text(errors="replace")}
    assert left == set()
    assert not list(stage.stage_dir.rglob("extravars"))
    assert not list(stage.stage_dir.rglob("fact_cache"))
    assert stat.S_IMODE(stage.stage_dir.stat().st_mode) == 0o700


def test_no_secret_lies_in_the_run_directory_while_a_stage_plays(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_SECRET", CANARY)
    assert stage.play(PACKS, place=str(stage.stage_dir)).ok, stage.sentences("failure")


def test_failure_is_a_sentence(stage: Stage) -> None:
    outcome = stage.play(FAILS)
    assert (outcome.ok, outcome.canceled) == (False, False)
    assert stage.sentences("failure") == ['Unknown section "X". Known are Music, Movies.']


def test_a_playbook_that_cannot_be_read(stage: Stage) -> None:
    outcome = stage.play("- hosts: localhost\n  tasks: [{no_such_module: {}}]\n")
    assert not outcome.ok
    assert "no_such_module" in stage.sentences("failure")[0]


def test_a_used_directory_is_refused(stage: Stage) -> None:
    stage.stage_dir.mkdir(parents=True)
    with pytest.raises(FileExistsError):
        stage.play(FAILS)


def sleepers() -> list[int]:
    found = []
    for pid in orphans.find(RUN):
        try:
            if b"61.25" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
        except OSError:
            continue
    return found


def test_cancel_is_quick_and_leaves_no_task_behind(stage: Stage) -> None:
    pressed: list[float] = []
    seen: list[int] = []

    def cancel() -> bool:
        # Ctrl-C comes while the task runs: only then is there an orphan to leave behind.
        if not pressed and sleepers():
            seen.extend(sleepers())
            pressed.append(time.monotonic())
        return bool(pressed)

    outcome = stage.play(SLEEPS, cancel)
    assert pressed, stage.events[-3:]
    assert time.monotonic() - pressed[0] <= 2
    assert outcome.canceled
    assert seen
    assert orphans.find(RUN) == set()
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in seen)
