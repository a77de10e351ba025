"""`wrapper destroy`, `runs` and `show`: what a killed wrapper leaves is found, named and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from module_utils import ledger
from tests.unit.wrapper.stand_ins import BAD, RUN_ID, Act, FakePlayer, failure
from wrapper import cli, exits, inventory
from wrapper.cancel import Cancel
from wrapper.destroy import destroy
from wrapper.exits import InputError
from wrapper.held import held, holder

OTHER = "20260823T100000Z-ffff"
RENTED: dict[str, Any] = {
    "inventory": "lab",
    "profile": "lite",
    "monitoring": "cloud",
    "sections": ["Music"],
    "machine": {"intent": {"name": "plex-burst-x"}, "server_id": "s-1", "address": "10.0.0.9"},
    "stages": [
        {"stage": "preflight", "state": "done", "seconds": 2.0},
        {"stage": "provision", "state": "done", "seconds": 21.4},
        {"stage": "sonic", "state": "running", "seconds": None, "detail": ""},
    ],
}
PROOF = {"zone": "fr-par-1", "ours": 0, "not_found": ["/servers/s-1", "/volumes/v-1"]}
GONE = {"intent": {"name": "x"}, "server_id": "s-1", "gone_at": "2026-08-22T11:00:00Z", "proof": PROOF}


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def player(runs_dir: Path, run_id: str = RUN_ID, **acts: Act) -> FakePlayer:
    return FakePlayer(runs_dir / run_id, Cancel(), acts)


@pytest.mark.parametrize("given", [None, RUN_ID, "20260822"])
def test_removes_the_machine_of_a_killed_run(
    runs_dir: Path, capsys: pytest.CaptureFixture[str], given: str | None
) -> None:
    run_dir = ledger.create(runs_dir, RUN_ID, **RENTED)
    fake = player(runs_dir)
    assert destroy(cli.ROOT, runs_dir, given, fake) == exits.DONE
    assert fake.played == ["teardown"]
    book = ledger.read(run_dir)
    assert (book["state"], ledger.may_be_running(book)) == ("closed", False)
    assert "machine: gone since" in capsys.readouterr().out


def test_failed_destroy_says_so_and_how_to_go_on(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = ledger.create(runs_dir, RUN_ID, **RENTED)
    fake = player(runs_dir, teardown=Act(BAD, [failure("The API does not answer.")]))
    assert destroy(cli.ROOT, runs_dir, None, fake) == exits.MAY_BE_RUNNING
    said = capsys.readouterr()
    assert "The API does not answer." in said.err
    assert f"Again: wrapper destroy {RUN_ID}" in said.err
    assert "may be running (s-1, 10.0.0.9)" in said.out
    assert ledger.read(run_dir)["state"] == "open"


def test_a_run_that_only_began_to_rent_is_torn_down(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stages = [{"stage": "provision", "state": "running"}]
    ledger.create(runs_dir, RUN_ID, **{**RENTED, "machine": {}, "stages": stages})
    cli.main(["runs", "--json", "--runs-dir", str(runs_dir)])
    assert json.loads(capsys.readouterr().out)[0]["machine"] == "may be running"
    fake = player(runs_dir)
    destroy(cli.ROOT, runs_dir, None, fake)
    assert fake.played == ["teardown"]


@pytest.mark.parametrize(
    "facts",
    [
        {**RENTED, "machine": {}, "stages": []},
        {**RENTED, "machine": {}, "stages": [{"stage": "provision", "state": "skipped"}]},
        {**RENTED, "machine": GONE},
    ],
)
def test_nothing_to_destroy_closes_the_run(
    runs_dir: Path, facts: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = ledger.create(runs_dir, RUN_ID, **facts)
    fake = player(runs_dir)
    assert destroy(cli.ROOT, runs_dir, RUN_ID, fake) == exits.DONE
    assert (fake.played, ledger.read(run_dir)["state"]) == ([], "closed")
    assert "owns no machine" in capsys.readouterr().out


def test_no_open_run(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.create(runs_dir, RUN_ID, **RENTED, state="closed")
    assert destroy(cli.ROOT, runs_dir, None, player(runs_dir)) == exits.DONE
    assert "nothing to destroy" in capsys.readouterr().out


def test_several_open_runs_are_named(runs_dir: Path) -> None:
    ledger.create(runs_dir, RUN_ID, **RENTED)
    ledger.create(runs_dir, OTHER, **RENTED)
    with pytest.raises(InputError, match=f"{RUN_ID}, {OTHER}.*wrapper destroy RUN"):
        destroy(cli.ROOT, runs_dir, None, player(runs_dir))


def test_a_living_run_is_left_to_its_wrapper(runs_dir: Path) -> None:
    run_dir = ledger.create(runs_dir, RUN_ID, **RENTED)
    fake = player(runs_dir)
    with held(run_dir):
        assert holder(run_dir) is not None
        with pytest.raises(InputError, match=r"in the hands of process .* kill -INT"):
            destroy(cli.ROOT, runs_dir, None, fake)
    assert fake.played == []
    assert holder(run_dir) is None


def test_runs_tells_state_and_machine(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger.create(runs_dir, RUN_ID, **RENTED)
    ledger.create(
        runs_dir,
        OTHER,
        **{**RENTED, "machine": GONE},
        state="closed",
        results={"run": {"verdict": "done", "sentence": ""}},
    )
    damaged = runs_dir / "20260824T100000Z-0000"
    damaged.mkdir()
    (damaged / "ledger.json").write_text("{")
    assert cli.main(["runs", "--runs-dir", str(runs_dir)]) == exits.DONE
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("  ")[0] == RUN_ID
    assert "may be running" in lines[1]
    assert "closed" in lines[2]
    assert "gone" in lines[2]
    assert "unreadable" in lines[3]
    cli.main(["runs", "--json", "--runs-dir", str(runs_dir)])
    assert [row["machine"] for row in json.loads(capsys.readouterr().out)] == ["may be running", "gone", "?"]


def test_show_tells_stages_receipt_and_proof(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = ledger.create(
        runs_dir,
        RUN_ID,
        **{**RENTED, "machine": GONE},
        results={"run": {"verdict": "partial", "sentence": "3 are left."}},
    )
    files = [{"name": "com.plexapp.plugins.library.db", "size": 14_200_000, "sha256": "ab" * 32}]
    sentences = ["Music: 59 of 62 tracks analysed (+19).", "Nothing was lost, but 3 tracks are still to be analysed."]
    receipt = {"verdict": "partial", "sentences": sentences, "files": files}
    (run_dir / "receipt.json").write_text(json.dumps(receipt))
    assert cli.main(["show", "--runs-dir", str(runs_dir)]) == exits.DONE
    said = capsys.readouterr().out
    for part in (
        f"{RUN_ID} · lab · lite · cloud · Music",
        "✓ provision          21 s",
        "receipt: partial",
        sentences[0],
        "14.2 MB  sha256 abababababab",
        "proof: 0 resources of this run listed in fr-par-1, 2 asked for by id and not found",
        "partial: 3 are left.",
    ):
        assert part in said
    cli.main(["show", RUN_ID, "--json", "--runs-dir", str(runs_dir)])
    facts = json.loads(capsys.readouterr().out)
    assert (facts["receipt"], facts["machine_state"], facts["driven_by"]) == (receipt, "gone", None)


@pytest.fixture
def inventories(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each says of itself, without asking Ansible."""

    def load(given: str, root: Path) -> inventory.Inventory:
        return inventory.Inventory(given, root / "inventories/lab.yml", given != "local", "power")

    monkeypatch.setattr("wrapper.inventory.load", load)


@pytest.mark.usefixtures("inventories")
def test_a_run_whose_directory_is_lost_is_removed_by_its_tag(runs_dir: Path) -> None:
    fake = player(runs_dir)
    assert destroy(cli.ROOT, runs_dir, RUN_ID, fake, rented_from="lab") == exits.DONE
    assert fake.played == ["teardown"]
    assert ledger.read(runs_dir / RUN_ID)["state"] == "closed"
    with pytest.raises(InputError, match="rents no machines"):
        destroy(cli.ROOT, runs_dir, OTHER, fake, rented_from="local")
    with pytest.raises(ledger.LedgerError, match="is not a run id"):
        destroy(cli.ROOT, runs_dir, "2025", fake, rented_from="lab")


@pytest.mark.usefixtures("inventories")
def test_a_run_whose_ledger_cannot_be_read_is_removed_by_its_tag(
    runs_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = ledger.create(runs_dir, RUN_ID, **RENTED)
    (run_dir / ledger.LEDGER_NAME).write_text('{"run_id": ')
    fake = player(runs_dir)
    with pytest.raises(ledger.LedgerError, match=f"wrapper destroy {RUN_ID} --inventory scaleway"):
        destroy(cli.ROOT, runs_dir, RUN_ID, fake)
    assert destroy(cli.ROOT, runs_dir, RUN_ID, fake, rented_from="lab") == exits.DONE
    assert fake.played == ["teardown"]
    assert (run_dir / "ledger.unreadable").read_text() == '{"run_id": '
    assert ledger.read(run_dir)["state"] == "closed"
    capsys.readouterr()


def test_an_inventory_beside_a_ledger_that_tells_changes_nothing(runs_dir: Path) -> None:
    ledger.create(runs_dir, RUN_ID, **{**RENTED, "profile": "power"})
    for given in (RUN_ID, "20260822"):
        assert destroy(cli.ROOT, runs_dir, given, player(runs_dir), rented_from="lab") == exits.DONE
    assert ledger.read(runs_dir / RUN_ID)["profile"] == "power"
