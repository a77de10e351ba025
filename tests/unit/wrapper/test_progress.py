"""Events as ansible-runner 2.4 with ansible-core 2.19 emits them, reduced to what a person reads."""

from __future__ import annotations

from typing import Any

import pytest

from wrapper.progress import Update, update

HIDDEN = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"


def event(name: str, task: str = "Do it", action: str = "ansible.builtin.command", **data: Any) -> dict[str, Any]:
    return {"event": name, "stdout": "", "event_data": {"task": task, "task_action": action, "host": "target", **data}}


def failed(**res: Any) -> dict[str, Any]:
    return event("runner_on_failed", res={"changed": False, "exception": "(traceback unavailable)", **res})


def spoken(text: str, kind: str = "verbose") -> dict[str, Any]:
    return {"event": kind, "stdout": text, "event_data": {}}


READING: dict[str, Any] = {
    "changed": False,
    "finished": False,
    "message": "37/62 tracks, 4.1/s, about 6 s left",
    "verdict": "waiting",
    "attempts": 3,
    "retries": 6,
}


@pytest.mark.parametrize(
    ("given", "kind", "text"),
    [
        (event("playbook_on_task_start", task="Start Plex"), "task", "Start Plex"),
        (event("playbook_on_handler_task_start", task="Restart plex"), "task", "Restart plex"),
        (event("runner_retry", action="plex_phase", res=READING), "waiting", "37/62 tracks, 4.1/s, about 6 s left"),
        (
            event("runner_retry", action="ansible.legacy.plex_phase", res={**READING, "message": "3/62 tracks"}),
            "waiting",
            "3/62 tracks",
        ),
        (
            event(
                "runner_retry",
                action="plex_phase",
                res={**READING, "invocation": {"module_args": {"title": "Jazz & Blues", "phase": "sonic"}}},
            ),
            "waiting",
            "Jazz & Blues: 37/62 tracks, 4.1/s, about 6 s left",
        ),
        (event("runner_on_ok", action="plex_phase", res={"message": "62/62 tracks"}), "waiting", "62/62 tracks"),
        (event("runner_item_on_ok", action="plex_trash", res={"message": "kept"}), "waiting", "kept"),
        (event("runner_item_on_ok", action="plex_status", res={"message": "ready"}), "waiting", "ready"),
        (
            event("runner_retry", task="Wait for SSH", res={"msg": "", "attempts": 2, "retries": 30}),
            "waiting",
            "Wait for SSH (try 2 of 30)",
        ),
        (event("runner_on_ok", res={"warnings": ["Old.", "Slow."]}), "warning", "Old.\nSlow."),
        (
            event("runner_on_ok", action="ansible.builtin.debug", res={"msg": "Left out: Holidays."}),
            "told",
            "Left out: Holidays.",
        ),
        (event("runner_item_on_ok", action="debug", res={"msg": ["one,", "two."]}), "told", "one,\ntwo."),
        (spoken("\x1b[1;35m[WARNING]: Found both group and host\x1b[0m"), "warning", "Found both group and host"),
        (spoken("[WARNING]: as its own event", "warning"), "warning", "as its own event"),
        (
            spoken("\x1b[0;31m[ERROR]: couldn't resolve module/action 'x'.\x1b[0m\nOrigin: a.yml:3:5"),
            "failure",
            "couldn't resolve module/action 'x'.",
        ),
        (spoken("ERROR! the playbook: x.yml could not be found"), "failure", "the playbook: x.yml could not be found"),
        (
            failed(msg='Unknown section "X". Known are Music, Movies.', assertion=False, evaluated_to=False),
            "failure",
            'Unknown section "X". Known are Music, Movies.',
        ),
        (
            failed(msg="Task failed: Module failed: [Errno 2] No such file or directory: '/x'"),
            "failure",
            "[Errno 2] No such file or directory: '/x'",
        ),
        (
            failed(msg="Task failed: Nothing here.\n\nOrigin: /repo/roles/a/tasks/main.yml:3:5\n\n1 - x"),
            "failure",
            "Nothing here.",
        ),
        (failed(censored=HIDDEN), "failure", 'Task "Do it" failed; its output is hidden because it handles secrets.'),
        (
            failed(msg="non-zero return code", rc=3, stderr="a\noops\n"),
            "failure",
            'Task "Do it" failed (exit code 3): oops',
        ),
        (failed(msg="non-zero return code", rc=3, stdout="out"), "failure", 'Task "Do it" failed (exit code 3): out'),
        (
            failed(msg="MODULE FAILURE\nSee stdout/stderr", module_stderr="Traceback\nKeyError: 'a'", rc=1),
            "failure",
            "Task \"Do it\" failed (exit code 1): KeyError: 'a'",
        ),
        (failed(), "failure", 'Task "Do it" failed: it gave no reason'),
        (
            failed(msg="One or more items failed", results=[{"msg": "fine"}, {"failed": True, "msg": "The second."}]),
            "failure",
            "The second.",
        ),
        (failed(msg=["One line.", "Another."]), "failure", "One line.\nAnother."),
        (
            event("runner_on_unreachable", res={"msg": "Task failed: Failed to connect to the host via ssh: refused"}),
            "failure",
            "target does not answer: Failed to connect to the host via ssh: refused",
        ),
    ],
)
def test_what_an_event_says(given: dict[str, Any], kind: str, text: str) -> None:
    said = update(given)
    assert said is not None
    assert (said.kind, said.text) == (kind, text)


@pytest.mark.parametrize(
    "given",
    [
        event("playbook_on_start"),
        event("playbook_on_stats"),
        event("runner_on_start"),
        event("runner_on_skipped", res={"skip_reason": "Conditional result was False"}),
        event("runner_on_ok", res={"changed": True, "stdout": "x"}),
        event("runner_on_ok", action="plex_phase", res={"msg": "All items completed", "results": [{"message": "x"}]}),
        event("runner_on_ok", action="plex_phase", res={"message": "cut off: 3/62 tracks", "verdict": "cancelled"}),
        event("runner_item_on_failed", res={"failed": True, "msg": "The loop will tell."}),
        event("runner_on_failed", ignore_errors=True, res={"msg": "Nobody minds."}),
        spoken("PLAY [all] ****"),
        {"event": "runner_on_ok"},
        {"event": "verbose", "stdout": None},
        {},
    ],
)
def test_what_is_not_worth_a_word(given: dict[str, Any]) -> None:
    assert update(given) is None


def test_a_reading_keeps_its_result_for_who_judges() -> None:
    said = update(event("runner_retry", action="plex_phase", task="Analyse", res=READING))
    assert said == Update("waiting", READING["message"], "Analyse", "plex_phase", READING)
