"""The state machine of a run: every stage may fail or be canceled, and the machine is gone or named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from module_utils import ledger
from tests.unit.wrapper.stand_ins import BAD, GOOD, RUN_ID, Act, FakePlayer, MemoryView, failure, sample
from tests.unit.wrapper.theatre import Theatre
from wrapper import exits
from wrapper.playbook import Outcome
from wrapper.stages import Stage

WORK = ["preflight", "provision", "mount", "restore", "plex", "scan", "sonic", "export"]
LOCAL_WORK = [name for name in WORK if name != "provision"]
CLOSING = ["collect", "teardown"]
FAILS = Act(BAD, [failure("It broke.")])


def test_success_plays_all_in_order_and_closes(theatre: Theatre) -> None:
    played = theatre.play()
    assert played.stages == WORK + CLOSING
    assert played.player.stage_dirs == [f"{n:02}-{name}" for n, name in enumerate(WORK + CLOSING, 1)]
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")
    assert played.book["state"] == "closed"
    assert [entry["state"] for entry in played.book["stages"]] == ["done"] * 10
    assert played.book["results"]["run"] == {"verdict": "done", "code": 0, "sentence": ""}


def test_local_never_provisions_nor_tears_down(theatre: Theatre) -> None:
    played = theatre.play(rents=False)
    assert played.stages == [*LOCAL_WORK, "collect"]
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "none")
    assert played.book["state"] == "closed"


@pytest.mark.parametrize(
    ("stage", "closing", "code"),
    [
        ("preflight", [], exits.USAGE),
        # Logs cannot be collected from a machine that never came up; the intent is there, so it is torn down.
        ("provision", ["teardown"], exits.FAILED),
        *((name, CLOSING, exits.FAILED) for name in WORK[2:7]),
        # An export that is not tried again loses the analysis.
        ("export", ["export", *CLOSING], exits.FAILED),
    ],
)
def test_failure_in_each_stage(theatre: Theatre, stage: str, closing: list[str], code: int) -> None:
    played = theatre.play({stage: FAILS})
    before = WORK[: WORK.index(stage) + 1]
    assert played.stages == before + closing
    assert (played.ending.code, played.ending.failed_stage, played.ending.failure) == (code, stage, "It broke.")
    assert played.book["state"] == "closed"
    states = {entry["stage"]: entry["state"] for entry in played.book["stages"]}
    assert states[stage] == "failed"
    assert all(states[name] == "skipped" for name in WORK[WORK.index(stage) + 1 :])


@pytest.mark.parametrize("stage", WORK)
def test_cancel_in_each_stage(theatre: Theatre, stage: str) -> None:
    played = theatre.play({stage: Act(presses=1)})
    closing = {"preflight": [], "provision": ["teardown"]}.get(stage, CLOSING)
    assert played.stages == WORK[: WORK.index(stage) + 1] + closing
    assert (played.ending.code, played.ending.canceled_in) == (exits.CANCELED, stage)
    assert played.ending.machine == ("none" if stage == "preflight" else "gone")
    # The Ctrl-C that ended the work does not also end what follows it.
    assert [end for name, end in played.view.ended if name in CLOSING] == ["done"] * len(closing)
    assert next(entry["detail"] for entry in played.book["stages"] if entry["stage"] == stage) == "canceled"


def test_second_cancel_skips_the_logs_but_not_the_teardown(theatre: Theatre) -> None:
    played = theatre.play({"sonic": Act(presses=1), "collect": Act(presses=1), "teardown": Act(presses=3)})
    assert played.stages[-2:] == CLOSING
    assert dict(played.view.ended)["collect"] == "canceled"
    assert dict(played.view.ended)["teardown"] == "done"
    assert (played.ending.code, played.ending.machine) == (exits.CANCELED, "gone")
    assert [note for note in played.view.notes if "Still removing the machine" in note]


def test_a_disk_that_fills_up_leaves_room_for_the_end(theatre: Theatre) -> None:
    class Looks(FakePlayer):
        seen: ClassVar[dict[str, bool]] = {}

        def _effect(self, name: str, outcome: Outcome) -> None:
            self.seen[name] = (self.run_dir / "ballast").exists()
            super()._effect(name, outcome)

    theatre.play(kind=Looks)
    assert Looks.seen == {name: name not in CLOSING for name in WORK + CLOSING}


def test_cancel_during_the_closing_of_a_success_stays_a_success(theatre: Theatre) -> None:
    played = theatre.play({"teardown": Act(presses=1)})
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")


@pytest.mark.parametrize("work", [{}, {"sonic": FAILS}, {"scan": Act(presses=1)}, {"provision": FAILS}])
def test_failed_teardown_means_may_be_running(theatre: Theatre, work: dict[str, Act]) -> None:
    played = theatre.play({**work, "teardown": FAILS})
    assert played.stages[-2:] == ["teardown", "teardown"]
    assert (played.ending.code, played.ending.machine) == (exits.MAY_BE_RUNNING, "may be running")
    assert played.book["state"] == "open"


def test_teardown_that_works_at_the_second_try(theatre: Theatre) -> None:
    played = theatre.play({"teardown": [FAILS, Act()]})
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")


def test_teardown_without_proof_means_may_be_running(theatre: Theatre) -> None:
    played = theatre.play(proves=False)
    assert (played.ending.code, played.ending.machine) == (exits.MAY_BE_RUNNING, "may be running")
    assert "proof" in played.ending.failure


class FailsAfterTheProof(FakePlayer):
    def _effect(self, name: str, outcome: Outcome) -> None:
        super()._effect(name, GOOD if name == "teardown" else outcome)


def test_failed_teardown_is_not_believed_even_if_the_ledger_says_gone(theatre: Theatre) -> None:
    played = theatre.play({"teardown": FAILS}, kind=FailsAfterTheProof)
    assert played.ending.code == exits.MAY_BE_RUNNING


def test_failed_collect_stops_nothing(theatre: Theatre) -> None:
    played = theatre.play({"collect": FAILS})
    assert played.stages[-1] == "teardown"
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")
    assert [note for note in played.view.notes if "logs did not come home" in note]


@pytest.mark.parametrize("stage", [*WORK[1:], "collect"])
def test_an_unexpected_error_still_tears_down(theatre: Theatre, stage: str) -> None:
    played = theatre.play({stage: Act(raises=RuntimeError("surprise"))})
    assert played.ending.code in ({exits.DONE} if stage == "collect" else {exits.FAILED})
    # Provision raised before it could write its intent; that it began is reason enough.
    assert played.stages[-1] == "teardown"
    log = (theatre.runs_dir / RUN_ID / "controller.log").read_text()
    assert "RuntimeError: surprise" in log


def test_an_error_in_the_teardown_itself_means_may_be_running(theatre: Theatre) -> None:
    played = theatre.play({"teardown": Act(raises=OSError("no space left"))})
    assert (played.ending.code, played.ending.machine) == (exits.MAY_BE_RUNNING, "may be running")
    assert played.book["state"] == "open"


def test_a_broken_screen_does_not_stop_the_teardown(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(view: MemoryView, stage: Stage) -> None:
        if stage.name == "teardown":
            raise UnicodeEncodeError("latin-1", "✓", 0, 1, "cannot be shown")

    monkeypatch.setattr(MemoryView, "begin", breaks)
    played = theatre.play()
    assert (played.ending.code, played.ending.machine) == (exits.DONE, "gone")


@pytest.mark.parametrize(
    ("acts", "code", "machine", "state"),
    [
        ({}, exits.DONE, "kept", "open"),
        ({"sonic": FAILS}, exits.MAY_BE_RUNNING, "kept", "open"),
        ({"sonic": Act(presses=1)}, exits.CANCELED, "gone", "closed"),
        ({"preflight": FAILS}, exits.USAGE, "none", "closed"),
    ],
)
def test_keep(theatre: Theatre, acts: dict[str, Act], code: int, machine: str, state: str) -> None:
    played = theatre.play(acts, keep=True)
    assert (played.ending.code, played.ending.machine, played.book["state"]) == (code, machine, state)
    assert ("teardown" in played.stages) == (machine == "gone")


@pytest.mark.parametrize(
    ("name", "sonic", "exported", "code"),
    [
        (
            "stalled after progress",
            Act(BAD, [sample("waiting", 40), sample("stalled", 51), failure("Stuck.")]),
            True,
            5,
        ),
        (
            "timed out after progress",
            Act(BAD, [sample("waiting", 0), sample("timed_out", 1), failure("Late.")]),
            True,
            6,
        ),
        ("stalled at once", Act(BAD, [sample("waiting", 40), sample("stalled", 40), failure("Stuck.")]), True, 5),
        ("failed after progress", Act(BAD, [sample("waiting", 40), sample("failed", 51), failure("Dead.")]), True, 1),
        ("failed without a sample", FAILS, False, 1),
        ("partial, and the stage says so without failing", Act(events=[sample("partial", 60, "60/62")]), True, 4),
        ("done", Act(events=[sample("waiting", 40), sample("done", 62, event="runner_on_ok")]), True, 0),
        (
            "the last section of all, judged afterwards, was never begun",
            Act(
                BAD,
                [
                    *(sample("waiting", 1), sample("stalled", 9, "9/62 tracks"), failure("Stuck.")),
                    *(sample("stalled", 9, event="runner_item_on_ok"), sample("not_begun", 0, section="2")),
                ],
            ),
            True,
            5,
        ),
        (
            "one stalled and one failed",
            Act(BAD, [sample("waiting", 1), sample("stalled", 9), sample("failed", 3, section="2"), failure("Dead.")]),
            True,
            1,
        ),
        (
            "progress in the first section, stall in the second",
            Act(BAD, [sample("waiting", 1), sample("done", 9), sample("stalled", 3, section="2"), failure("Stuck.")]),
            True,
            5,
        ),
    ],
)
def test_partial_analysis_comes_home(theatre: Theatre, name: str, sonic: Act, exported: bool, code: int) -> None:
    played = theatre.play({"sonic": sonic})
    assert ("export" in played.stages) == exported, name
    assert played.ending.code == code, name
    assert played.ending.machine == "gone"


@dataclass
class WritesIntoTheLedger(FakePlayer):
    result: Any = None
    stage: str = "sonic"
    phase: str = ""

    def _effect(self, name: str, outcome: Outcome) -> None:
        super()._effect(name, outcome)
        if name == self.stage:
            ledger.merge(self.run_dir, {"results": {self.phase or name: self.result}})


DONE_SECTION = {"title": "Music", "verdict": "done", "message": "62/62 tracks"}
STALLED_SECTION = {"title": "Jazz", "verdict": "stalled", "message": "3/9 tracks"}


@pytest.mark.parametrize(
    ("result", "code", "words"),
    [
        ({"verdict": "stalled"}, exits.STALLED, "stalled"),
        ([DONE_SECTION, STALLED_SECTION], exits.STALLED, "Jazz: 3/9 tracks"),
        ({"sections": [STALLED_SECTION]}, exits.STALLED, "Jazz: 3/9 tracks"),
        ([DONE_SECTION], exits.DONE, ""),
        ({"verdict": "already_complete"}, exits.DONE, ""),
        ("odd", exits.DONE, ""),
        ([], exits.DONE, ""),
    ],
)
def test_partial_in_the_ledger_counts_even_without_samples(
    theatre: Theatre, result: Any, code: int, words: str
) -> None:
    ending = theatre.play(kind=WritesIntoTheLedger, result=result).ending
    assert (ending.code, ending.partial) == (code, words)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        (["partial"], exits.PARTIAL),
        (["done", "timed_out"], exits.TIMED_OUT),
        (["stalled", "capped"], exits.CAPPED),
        (["capped", "mount_lost", "partial"], exits.MOUNT_LOST),
        (["refused"], exits.REFUSED),
        (["refused", "partial"], exits.PARTIAL),
    ],
)
def test_each_early_end_has_its_code_and_comes_home(theatre: Theatre, verdicts: list[str], code: int) -> None:
    result = [{"title": "Music", "verdict": verdict, "message": "why"} for verdict in verdicts]
    played = theatre.play(kind=WritesIntoTheLedger, result=result)
    assert "export" in played.stages
    assert (played.ending.code, exits.BY_VERDICT[played.ending.verdict]) == (code, code)
    assert played.book["results"]["run"]["verdict"] == played.ending.verdict


@pytest.mark.parametrize("verdict", ["stalled", "timed_out", "capped", "mount_lost"])
def test_what_a_scan_did_until_it_ended_comes_home_and_nothing_is_analysed(theatre: Theatre, verdict: str) -> None:
    result = [DONE_SECTION, {**STALLED_SECTION, "verdict": verdict}]
    acts = {"scan": Act(BAD, [failure(f"The scan of Jazz ended {verdict}.")])}
    played = theatre.play(acts, kind=WritesIntoTheLedger, result=result, stage="scan")
    assert played.stages == [*(name for name in WORK if name != "sonic"), *CLOSING]
    assert (played.ending.code, played.ending.verdict) == (exits.BY_VERDICT[verdict], verdict)
    assert (played.ending.failure, played.ending.partial) == ("", "Jazz: 3/9 tracks")
    states = {entry["stage"]: entry["state"] for entry in played.book["stages"]}
    assert (states["scan"], states["sonic"], states["export"]) == ("failed", "skipped", "done")


def test_an_export_that_fails_after_such_a_scan_is_a_failure(theatre: Theatre) -> None:
    acts = {"scan": Act(BAD, [failure("The scan of Jazz ended stalled.")]), "export": FAILS}
    played = theatre.play(acts, kind=WritesIntoTheLedger, result=[STALLED_SECTION], stage="scan")
    assert (played.ending.code, played.ending.failed_stage) == (exits.FAILED, "export")


def test_a_scan_stage_that_fails_beside_a_partial_section_is_a_failure(theatre: Theatre) -> None:
    result = [{**STALLED_SECTION, "verdict": "partial"}]
    acts = {"scan": Act(BAD, [failure("The library has lost 12 items.")])}
    played = theatre.play(acts, kind=WritesIntoTheLedger, result=result, stage="scan")
    assert played.stages == [*WORK[: WORK.index("scan") + 1], *CLOSING]
    assert played.ending.failure == "The library has lost 12 items."


def test_media_that_were_not_analysed_stop_nothing_and_are_told(theatre: Theatre) -> None:
    result = [DONE_SECTION, {"title": "Movies", "verdict": "partial", "message": "3/4 media analysed"}]
    played = theatre.play(kind=WritesIntoTheLedger, result=result, stage="scan", phase="analyse")
    assert played.stages == [*WORK, *CLOSING]
    assert (played.ending.code, played.ending.partial) == (exits.PARTIAL, "Movies: 3/4 media analysed")


def test_what_a_failed_analysis_gained_comes_home_and_the_failure_stays_the_reason(theatre: Theatre) -> None:
    dead = Act(BAD, [sample("waiting", 40), sample("failed", 51), failure("The server died.")])
    played = theatre.play({"sonic": dead, "export": FAILS}, receipt=None)
    assert "export" in played.stages
    assert (played.ending.code, played.ending.failed_stage) == (exits.FAILED, "sonic")
    assert played.ending.failure == "The server died."


AUTHORED = {
    "event": "runner_on_failed",
    "event_data": {
        "task_action": "ansible.builtin.assert",
        "res": {"msg": "Plex did not come up; its log says: no disk."},
    },
}


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([failure("First."), AUTHORED], "Plex did not come up; its log says: no disk."),
        ([AUTHORED, failure("The cleanup failed too.")], "Plex did not come up; its log says: no disk."),
        ([failure("First."), failure("Then this.")], "First.\nAfterwards: Then this."),
        ([failure("Same."), failure("Same.")], "Same."),
        ([], "playbooks/plex.yml ended with failed, exit code 2"),
    ],
)
def test_which_failure_is_the_reason(theatre: Theatre, events: list[Any], sentence: str) -> None:
    assert theatre.play({"plex": Act(BAD, events)}).ending.failure == sentence


@pytest.mark.parametrize(
    ("receipt", "code", "words"),
    [
        ({"verdict": "partial", "sentences": ["3 tracks are not analysed."]}, exits.PARTIAL, "3 tracks"),
        ({"verdict": "lost", "sentences": ["12 items are gone."]}, exits.FAILED, "12 items"),
        ({"verdict": "damaged"}, exits.FAILED, "no receipt that says done"),
        (None, exits.FAILED, "no receipt that says done"),
    ],
)
def test_done_is_what_the_receipt_says(theatre: Theatre, receipt: dict[str, Any] | None, code: int, words: str) -> None:
    played = theatre.play(receipt=receipt)
    assert played.ending.code == code
    assert words in played.ending.failure + played.ending.partial
    assert played.ending.machine == "gone"
