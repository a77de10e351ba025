"""ICU's order as we compute it where ICU is not at hand; tests/lab holds it against ICU itself."""

from __future__ import annotations

from functools import cmp_to_key

import pytest

from lab.plexsim.plexsim.collation import icu_root


@pytest.mark.parametrize(
    "ordered",
    [
        ["", "_", "-", "?", ".", "'", "(", "[", "@", "&", "%", "$", "0", "a", "B", "z", "λ", "Д", "か", "雨"],
        ["Track 2", "Track 10", "Track 010 b", "Track 11"],
        ["a", "A", "á", "à", "â", "å", "ä", "æ", "b"],
        ["cote", "Cote", "coté", "côte", "côté"],
        ["ss", "ß", "st"],
        ["zoe", "Zoe", "Zoë", "zof"],
        ["かば", "カバ", "カバー"],
    ],
)
def test_order(ordered: list[str]) -> None:
    backwards = list(reversed(ordered))
    assert sorted(backwards, key=cmp_to_key(icu_root)) == ordered


@pytest.mark.parametrize(("left", "right"), [("007", "7"), ("Caf\u00e9", "Cafe\u0301"), ("a\x00b", "ab")])
def test_equal(left: str, right: str) -> None:
    assert icu_root(left, right) == 0
