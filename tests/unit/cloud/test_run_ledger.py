"""Module run_ledger: each state, its refusals, check mode and idempotence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from plugins.modules import run_ledger

RUN = "20260822T100000Z-0a1b"
OTHER = "20260823T100000Z-0a1b"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(**options: Any) -> dict[str, Any]:
        with patch_module_args({"runs_dir": str(tmp_path), **options}), pytest.raises(SystemExit):
            run_ledger.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return run


def test_present_twice(call: Any, tmp_path: Path) -> None:
    first = call(run_id=RUN, merge={"inventory": "lab"})
    assert (first["changed"], first["run_id"], first["run_dir"]) == (True, RUN, str(tmp_path / RUN))
    second = call(run_id=RUN, merge={"inventory": "lab"})
    assert second["changed"] is False
    assert second["ledger"] == first["ledger"] == json.loads((tmp_path / RUN / "ledger.json").read_text())


def test_present_without_id_makes_one(call: Any, tmp_path: Path) -> None:
    made = call()["run_id"]
    assert (tmp_path / made / "ledger.json").exists()
    assert call()["run_id"] != made


def test_check_mode_writes_nothing(call: Any, tmp_path: Path) -> None:
    assert call(run_id=RUN, _ansible_check_mode=True)["changed"] is True
    assert list(tmp_path.iterdir()) == []
    call(run_id=RUN)
    assert call(run_id=RUN, merge={"profile": "lite"}, _ansible_check_mode=True)["changed"] is True
    assert call(run_id=RUN, state="found")["ledger"]["profile"] == ""


def test_found(call: Any) -> None:
    assert "no open run" in call(state="found")["msg"]
    assert "no ledger" in call(state="found", run_id=RUN)["msg"]
    call(run_id=RUN)
    assert call(state="found")["run_id"] == RUN
    call(run_id=OTHER)
    assert f"{RUN}, {OTHER}" in call(state="found")["msg"]
    assert call(state="found", run_id=OTHER)["run_id"] == OTHER


def test_closed_is_refused_while_the_machine_may_be_running(call: Any) -> None:
    call(run_id=RUN, merge={"machine": {"intent": {"name": "plex-burst-x"}}})
    refused = call(run_id=RUN, state="closed")
    assert refused["failed"] is True
    assert f"wrapper destroy {RUN}" in refused["msg"]
    assert call(state="found")["ledger"]["state"] == "open"
    gone = {"machine": {"gone_at": "2026-08-22T11:00:00Z"}}
    assert call(run_id=RUN, state="closed", merge=gone)["changed"] is True
    assert call(run_id=RUN, state="closed")["changed"] is False
    assert "no open run" in call(state="found")["msg"]


def test_bad_id_is_a_sentence(call: Any) -> None:
    assert '"../x" is not a run id' in call(run_id="../x")["msg"]
