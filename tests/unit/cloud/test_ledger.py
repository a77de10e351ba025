"""The ledger survives kills, two writers and damaged files."""

from __future__ import annotations

import json
import multiprocessing
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger

RUN = "20260822T100000Z-0a1b"


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return ledger.create(tmp_path / "runs", RUN, inventory="lab", machine={"intent": {"name": "x"}})


def test_run_id_is_utc_and_checked() -> None:
    paris = datetime(2026, 8, 22, 12, 0, 0, tzinfo=timezone(timedelta(hours=2)))
    assert ledger.new_run_id(paris, "0A1Bffff") == RUN


@pytest.mark.parametrize("wrong", ["", "..", "../x", f"{RUN}/..", "20260822T100000Z-0A1B", f"{RUN}\n"])
def test_only_run_ids_become_paths(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ledger.LedgerError, match="is not a run id"):
        ledger.create(tmp_path, wrong)


def test_create_writes_the_whole_form_privately(run_dir: Path) -> None:
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE((run_dir / "ledger.json").stat().st_mode) == 0o600
    assert ledger.read(run_dir) == {
        "format": 1,
        "run_id": RUN,
        "created_at": "2026-08-22T10:00:00Z",
        "state": "open",
        "inventory": "lab",
        "profile": "",
        "monitoring": "",
        "sections": [],
        "machine": {"intent": {"name": "x"}},
        "stages": [],
        "results": {},
    }


def test_create_never_overwrites(run_dir: Path) -> None:
    with pytest.raises(ledger.LedgerExistsError, match="exists already"):
        ledger.create(run_dir.parent, RUN)
    assert ledger.read(run_dir)["inventory"] == "lab"


MERGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
    ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ({"a": {"b": 1}}, {"a": None}, {"a": None}),
    ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    ({"a": 1}, {}, {"a": 1}),
]


@pytest.mark.parametrize(("before", "changes", "after"), MERGES)
def test_merged(before: dict[str, Any], changes: dict[str, Any], after: dict[str, Any]) -> None:
    untouched = json.dumps(before)
    assert ledger.merged(before, changes) == after
    assert json.dumps(before) == untouched


def test_merge_writes_only_when_something_differs(run_dir: Path) -> None:
    inode = (run_dir / "ledger.json").stat().st_ino
    ledger.merge(run_dir, {"machine": {"intent": {"name": "x"}}})
    assert (run_dir / "ledger.json").stat().st_ino == inode
    machine = ledger.merge(run_dir, {"machine": {"server_id": "s"}})["machine"]
    assert machine == {"intent": {"name": "x"}, "server_id": "s"}
    assert (run_dir / "ledger.json").stat().st_ino != inode


def test_merge_never_changes_whose_ledger_it_is(run_dir: Path) -> None:
    with pytest.raises(ledger.LedgerError, match=r"run_id in .* never changes"):
        ledger.merge(run_dir, {"run_id": "20260822T100000Z-ffff"})


def test_crash_before_rename_keeps_the_old_ledger(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            ledger.merge(run_dir, {"machine": {"server_id": "half"}})
    assert (run_dir / "ledger.json.tmp").exists()
    assert "server_id" not in ledger.read(run_dir)["machine"]
    assert ledger.merge(run_dir, {"machine": {"server_id": "whole"}})["machine"]["server_id"] == "whole"
    assert not (run_dir / "ledger.json.tmp").exists()


def test_crash_leaves_half_a_temporary_file_that_nobody_reads(run_dir: Path) -> None:
    (run_dir / "ledger.json.tmp").write_text('{"format": 1, "run_')
    assert ledger.read(run_dir)["run_id"] == RUN
    ledger.merge(run_dir, {"state": "closed"})
    assert ledger.read(run_dir)["state"] == "closed"


def count_up(run_dir: Path, writer: int) -> None:
    for number in range(25):
        ledger.merge(run_dir, {"results": {f"{writer}-{number}": number}})


def test_two_writers_lose_nothing(run_dir: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=count_up, args=(run_dir, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    assert len(ledger.read(run_dir)["results"]) == 100


DAMAGED = [
    ("", "is not JSON"),
    ('{"format": 1', "is not JSON"),
    ("[]", "is not a ledger"),
    ('{"run_id": "x", "machine": null}', "is not a ledger"),
    (json.dumps({"format": 2, "run_id": RUN, "machine": {}}), "has format 2"),
    (json.dumps({"format": 1, "run_id": "20260822T100000Z-ffff", "machine": {}}), "belongs to run"),
    (b"\xff\xfe", "is not JSON"),
]


@pytest.mark.parametrize(("content", "sentence"), DAMAGED)
def test_damaged_ledger_is_a_sentence_not_passed_over(run_dir: Path, content: str | bytes, sentence: str) -> None:
    (run_dir / "ledger.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ledger.LedgerError, match=sentence):
        ledger.read(run_dir)
    with pytest.raises(ledger.LedgerError, match=sentence):
        ledger.merge(run_dir, {})
    with pytest.raises(ledger.LedgerError, match=sentence):
        ledger.open_runs(run_dir.parent)


def test_missing_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ledger.LedgerError, match="no ledger"):
        ledger.read(tmp_path / RUN)
    with pytest.raises(ledger.LedgerError, match="no run directory"):
        ledger.merge(tmp_path / RUN, {"state": "closed"})


def test_unwritable_place_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ledger.LedgerError, match="Cannot write the ledger"):
        ledger.create(tmp_path / "file", RUN)
    with pytest.raises(ledger.LedgerError, match="Cannot list the runs"):
        ledger.open_runs(tmp_path / "file")


def test_open_runs(tmp_path: Path) -> None:
    assert ledger.open_runs(tmp_path / "missing") == []
    for last in "210":
        ledger.create(tmp_path, f"2026082{last}T100000Z-0a1b")
    ledger.merge(tmp_path / "20260821T100000Z-0a1b", {"state": "closed"})
    (tmp_path / "20260823T100000Z-0a1b").mkdir()
    (tmp_path / "notes").mkdir()
    assert [run["run_id"][:8] for run in ledger.open_runs(tmp_path)] == ["20260820", "20260822"]


RUNNING: list[tuple[dict[str, Any], bool]] = [
    ({}, False),
    ({"intent": None}, False),
    ({"intent": {"name": "x"}}, True),
    ({"server_id": "s"}, True),
    ({"intent": {"name": "x"}, "server_id": "s", "gone_at": None}, True),
    ({"intent": {"name": "x"}, "server_id": "s", "gone_at": "2026-08-22T10:00:00Z"}, False),
]


@pytest.mark.parametrize(("machine", "expected"), RUNNING)
def test_may_be_running(machine: dict[str, Any], expected: bool) -> None:
    assert ledger.may_be_running({"machine": machine}) is expected
