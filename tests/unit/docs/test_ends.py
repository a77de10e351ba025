"""The table of ends in docs/phases.md is what the judgement may say and what the wrapper exits with."""

from __future__ import annotations

import re
from pathlib import Path

from module_utils import verdicts
from wrapper import exits
from wrapper.readings import EARLY_VERDICTS

TEXT = (Path(__file__).parents[3] / "docs/phases.md").read_text(encoding="utf-8")
ENDS = TEXT.partition("## Ends")[2].partition("\n## ")[0]
TOLD = {word: code.strip() for word, code in re.findall(r"^\| `(\w+)` \|[^|]+\|([^|]+)\|$", ENDS, re.MULTILINE)}
# The commands spell one word in their own way; three have no code of their own.
SPELLED = {"cancelled": "canceled", "already_complete": "done"}
WITHOUT = {"not_begun"}


def test_every_end_is_in_the_table_and_nothing_else() -> None:
    words = {value for name, value in vars(verdicts).items() if name.isupper() and isinstance(value, str)}
    assert set(TOLD) == words - {verdicts.WAITING}


def test_the_codes_of_the_table_are_those_of_the_command() -> None:
    for word in TOLD.keys() - WITHOUT:
        code = exits.BY_VERDICT[SPELLED.get(word, word)]
        assert re.match(rf"{code}\b", TOLD[word]), word
        assert re.search(rf"^  {code} +{SPELLED.get(word, word).replace('_', ' ')}", exits.EXPLANATION, re.MULTILINE), (
            word
        )


def test_an_early_end_with_a_code_of_its_own_gives_its_word_to_the_run() -> None:
    assert set(EARLY_VERDICTS) == exits.BY_VERDICT.keys() - {"done", "failed", "canceled"}
