"""Campaigns resume where they were cut, and say what broke."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from soak import __main__ as command
from soak import campaign


def numbers(broken: int = -1) -> tuple[Any, list[int]]:
    """A campaign that counts, and breaks at one number."""
    ran: list[int] = []

    def run(case: dict[str, Any], workdir: Path) -> dict[str, Any]:
        assert list(workdir.iterdir()) == []
        ran.append(case["number"])
        if case["number"] == broken:
            raise campaign.BrokenPromiseError(f"{broken} is odd.")
        return {"twice": 2 * case["number"]}

    def cases(count: int, seed: int) -> Any:
        return ({"number": seed + index} for index in range(count))

    return SimpleNamespace(SAMPLE=3, cases=cases, run=run), ran


def test_a_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    module, ran = numbers()
    results = tmp_path / "numbers.jsonl"
    campaign.run(module, 2, 0, results, print)
    results.write_text(results.read_text() + '\n{"case": {"numb')
    found = campaign.run(module, 4, 0, results, print)
    assert ran == [0, 1, 2, 3]
    assert [result["figures"]["twice"] for result in found] == [0, 2, 4, 6]
    assert len(campaign.read(results)) == 4


def test_parts_of_a_campaign_make_the_whole(tmp_path: Path) -> None:
    module, ran = numbers()
    results = tmp_path / "numbers.jsonl"
    for part in ((2, 3), (1, 3), (3, 3)):
        campaign.run(module, 5, 0, results, print, part=part)
    assert ran == [1, 4, 0, 3, 2]
    found = campaign.run(module, 5, 0, results, print)
    assert [result["case"]["number"] for result in found] == [0, 1, 2, 3, 4]
    assert len(ran) == 5, "all of it was done by its parts"


def test_what_broke_is_told_and_does_not_end_the_campaign(tmp_path: Path) -> None:
    module, ran = numbers(broken=1)
    said: list[str] = []
    found = campaign.run(module, 3, 0, tmp_path / "numbers.jsonl", said.append)
    assert ran == [0, 1, 2]
    assert said == ['2/3 broken: 1 is odd. {"number": 1}']
    told = campaign.summary("numbers", 0, found)
    assert (told["cases"], told["held"], told["broken"]) == (3, 2, [{"case": {"number": 1}, "why": "1 is odd."}])
    assert told["figures"] == {"twice": {"min": 0, "median": 2, "max": 4, "total": 4}}


def test_the_command_fails_when_a_promise_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = numbers(broken=1)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(campaign, "names", lambda: ["numbers"])
    monkeypatch.setattr(campaign, "load", lambda _: module)
    assert command.main(["numbers", "--save"]) == 1
    assert "numbers: 2 of 3 held" in capsys.readouterr().out
    assert json.loads((tmp_path / "soak/results/numbers.json").read_text())["held"] == 2
    assert command.main(["--count", "1", "--seed", "5"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nonsense"], "'nonsense' is no campaign"), (["--count", "0"], "at least 1 case"), (["--part", "4/3"], "2/3")],
)
def test_wrong_usage_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(words)
    assert refused.value.code == 2
    assert said in capsys.readouterr().err
