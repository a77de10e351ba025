"""What of a run is our own: told per stage, from the durations that Ansible gives its tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from wrapper.controller_log import ControllerLog
from wrapper.overhead import Waited, overhead_lines
from wrapper.performer import Performer
from wrapper.playbook import Event, Outcome
from wrapper.stages import SCAN

from .stand_ins import GOOD, RUN_ID, MemoryView


def task(action: str, seconds: float, name: str = "runner_on_ok") -> Event:
    return {"event": name, "event_data": {"task": "Do it", "task_action": action, "duration": seconds, "res": {}}}


@pytest.mark.parametrize(
    ("event", "waited"),
    [
        (task("plex_phase", 60), 60),
        (task("plex_phase", 60, "runner_on_failed"), 60),
        (task("ansible.builtin.wait_for_connection", 5), 5),
        (task("ansible.builtin.copy", 2), 2),
        (task("plex_preferences", 3), 0),
        # A try of a wait and an item of a loop are in the duration of their task.
        (task("plex_phase", 10, "runner_retry"), 0),
        (task("plex_phase", 10, "runner_item_on_ok"), 0),
        ({"event": "verbose", "stdout": "x"}, 0),
    ],
)
def test_what_waits_for_somebody_else(event: Event, waited: float) -> None:
    shares = Waited()
    shares.add(event)
    assert shares.seconds == waited


@pytest.mark.parametrize("waited", [0.0, 10_000.0])
def test_a_stage_tells_what_was_its_own(tmp_path: Path, waited: float) -> None:
    run_dir = ledger.create(tmp_path, RUN_ID, inventory="local", profile="lite", monitoring="local", sections=[])

    def player(*_: Any, on_event: Any, **__: Any) -> Outcome:
        for event in (task("plex_phase", waited), task("plex_sections", 1)):
            on_event(event)
        return GOOD

    with ControllerLog(run_dir) as log:
        Performer(run_dir, tmp_path, {}, player, MemoryView(), log).perform(SCAN, lambda: False)
    (entry,) = ledger.read(run_dir)["stages"]
    assert entry["overhead_seconds"] == (0.0 if waited else entry["seconds"])


def test_the_report_tells_the_share_of_each_stage() -> None:
    stages = [
        {"stage": "scan", "seconds": 90.0, "overhead_seconds": 20.0},
        {"stage": "export", "seconds": 10.0, "overhead_seconds": 5.0},
        {"stage": "teardown", "seconds": None, "overhead_seconds": None},
    ]
    told = "neither Plex nor boot nor transfer: 25 s of 1 min 40 s (25%): scan 20 s, export 5.0 s"
    assert overhead_lines({"stages": stages}) == [told]


def test_what_was_not_measured_is_not_told() -> None:
    assert overhead_lines({"stages": [{"stage": "scan", "seconds": 9.0}]}) == []
