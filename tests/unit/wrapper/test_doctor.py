"""`wrapper doctor`: what it says, also of a machine that is at home, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.wrapper.stand_ins import BAD, GOOD, failure
from tests.unit.wrapper.test_machines import Player, result
from wrapper import cli, doctor, exits, inventory

RUN = "20260822T100000Z-0a1b"
FOUND = {
    "message": "first byte after 61 ms",
    "first_byte_seconds": 0.061,
    "one_bytes_per_second": 4.8e7,
    "many_bytes_per_second": 2e8,
    "pending_bytes": None,
    "pending_seconds": None,
}


@pytest.fixture(autouse=True)
def _a_machine_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wrapper.inventory.load", lambda given, root: inventory.Inventory(given, root, False, "power"))


def told(player: Player, *words: str) -> int:
    asked = cli.parser().parse_args(["doctor", "--inventory", "local", *words])
    return doctor.doctor(cli.ROOT, asked, player)


@pytest.mark.parametrize(("words", "run"), [((), {}), ((RUN,), {"burst_run_id": RUN})])
def test_it_says_what_was_measured(
    words: tuple[str, ...], run: Mapping[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    player = Player(result("mount_speed", FOUND), outcome=GOOD)
    assert told(player, *words, "--runs-dir", str(tmp_path)) == exits.DONE
    assert capsys.readouterr().out.strip() == FOUND["message"]
    assert player.extravars == {"burst_runs_dir": str(tmp_path), **run}


def test_json_has_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(Player(result("mount_speed", FOUND), outcome=GOOD), "--json") == exits.DONE
    assert json.loads(capsys.readouterr().out) == {name: FOUND[name] for name in FOUND if name != "message"}


def test_a_bucket_that_gives_nothing_is_a_sentence_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(Player(failure("The bucket cannot be measured"), outcome=BAD)) == exits.FAILED
    assert "The bucket cannot be measured" in capsys.readouterr().err
