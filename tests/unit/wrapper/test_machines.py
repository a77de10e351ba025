"""`wrapper ps`, `reap` and `estimate`: what they say, and what their exit codes mean."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.wrapper.stand_ins import BAD, GOOD, failure
from wrapper import cli, exits, inventory, machines
from wrapper.exits import InputError
from wrapper.playbook import Event, Outcome

ROW: dict[str, Any] = {
    "run_id": "20260822T100000Z-0a1b",
    "zone": "fr-par-1",
    "state": "running",
    "commercial_type": "GP1-S",
    "age_hours": 98.3,
    "eur_hour": 0.19914,
    "eur_so_far": 19.5755,
    "price_known": True,
    "expires_at": "2026-08-26T10:00:00Z",
    "heartbeat_at": None,
    "resources": [],
    "verdict": "marked",
    "sentence": "expired at 2026-08-26T10:00:00Z: marked, to be removed in 15 min",
}
PRICE = {"compute": 0.38352, "volume": 0.0088, "address": 0.004, "hourly": 0.39632, "source": "prices of 2026-07-30"}
FOUND = {"price": PRICE, "storage_date": "2025-03", "commercial_type": "GP1-M", "zone": "fr-par-1"}


@pytest.fixture(autouse=True)
def _a_provider_that_rents(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(given: str, root: Path) -> inventory.Inventory:
        return inventory.Inventory(given, root, given != "local", "power")

    monkeypatch.setattr("wrapper.inventory.load", load)


def result(module: str, content: Mapping[str, Any], event: str = "runner_on_ok") -> Event:
    return {"event": event, "event_data": {"task": "Ask", "task_action": module, "res": content}}


class Player:
    """Plays these events and remembers what it was told."""

    def __init__(self, *events: Event, outcome: Outcome = GOOD) -> None:
        self.events, self.outcome = events, outcome
        self.extravars: Mapping[str, Any] = {}

    def __call__(
        self,
        playbook: str,
        stage_dir: Path,
        inventory: Path,
        extravars: Mapping[str, Any],
        *,
        on_event: Callable[[Event], None],
        cancel: Callable[[], bool],
    ) -> Outcome:
        assert (cli.ROOT / playbook).is_file()
        self.extravars = extravars
        for event in self.events:
            on_event(event)
        return self.outcome


def asked(*words: str) -> Any:
    return cli.parser().parse_args(words)


def test_ps_lists_age_and_money(capsys: pytest.CaptureFixture[str]) -> None:
    player = Player(result("scaleway_runs", {"runs": [ROW]}))
    assert machines.ps(cli.ROOT, asked("ps"), player) == exits.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == " ".join(machines.COLUMNS).split()
    assert lines[1].split()[:7] == [ROW["run_id"], "fr-par-1", "running", "GP1-S", "98.3", "h", "0.1991"]
    assert machines.ps(cli.ROOT, asked("ps", "--json"), player) == exits.DONE
    assert json.loads(capsys.readouterr().out) == [ROW]


def test_what_a_later_pass_does_not_find_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    doing = {**ROW, "verdict": "remove", "done": ["terminate server 1"]}
    player = Player(result("scaleway_runs", {"runs": [doing]}, "runner_retry"), result("scaleway_runs", {"runs": []}))
    assert machines.reap(cli.ROOT, asked("reap", "--grace", "0"), player) == exits.DONE
    said = capsys.readouterr().out
    assert "removed, nothing is left" in said
    assert "remove them in Plex under Settings, Authorized Devices" in said
    assert player.extravars == {"scaleway_instance_reap_dry_run": False, "scaleway_instance_reap_grace": 0}


def test_a_dry_run_says_would(capsys: pytest.CaptureFixture[str]) -> None:
    player = Player(result("scaleway_runs", {"runs": [{**ROW, "done": ["mark server 1"]}]}))
    assert machines.reap(cli.ROOT, asked("reap", "--dry-run"), player) == exits.DONE
    said = capsys.readouterr().out
    assert "would mark server 1" in said
    assert "Authorized Devices" not in said
    assert player.extravars["scaleway_instance_reap_dry_run"] is True


def test_what_cannot_be_removed_has_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{**ROW, "verdict": "remove", "problem": "The API key may not do this.", "done": []}]
    refused = failure("This may still cost money: The API key may not do this.")
    player = Player(result("scaleway_runs", {"runs": rows}), refused, outcome=BAD)
    assert machines.reap(cli.ROOT, asked("reap"), player) == exits.MAY_BE_RUNNING
    assert "may still cost money" in capsys.readouterr().err
    silent = Player(failure("No answer from the API."), outcome=BAD)
    assert machines.reap(cli.ROOT, asked("reap"), silent) == exits.MAY_BE_RUNNING
    assert "No answer" in capsys.readouterr().err


def test_estimate_names_the_sources_and_the_least_hour(capsys: pytest.CaptureFixture[str]) -> None:
    player = Player(result("scaleway_price", FOUND))
    assert machines.estimate(cli.ROOT, asked("estimate", "--instance", "superpower", "--hours", "0.2"), player) == 0
    said = capsys.readouterr().out
    assert "0.2 h cost 0.396 EUR" in said
    assert "prices of 2026-07-30" in said
    assert "prices of 2025-03" in said
    assert player.extravars == {"profile": "superpower"}
    machines.estimate(cli.ROOT, asked("estimate", "--hours", "72", "--json"), player)
    assert json.loads(capsys.readouterr().out)["eur"] == pytest.approx(28.535)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("estimate", "--instance", "huge"), 'Unknown --instance "huge"'),
        (("estimate", "--hours", "0"), "--hours 0"),
        (("estimate", "--inventory", "local"), "rents no machines"),
        (("ps", "--inventory", "local"), "rents no machines"),
    ],
)
def test_bad_input_is_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    given = asked(*words)
    with pytest.raises(InputError, match=sentence):
        getattr(machines, given.command)(cli.ROOT, given, Player())


def test_a_refusal_of_the_provider_is_a_sentence() -> None:
    with pytest.raises(InputError, match="refused the API key"):
        machines.ps(cli.ROOT, asked("ps"), Player(failure("Scaleway refused the API key."), outcome=BAD))
