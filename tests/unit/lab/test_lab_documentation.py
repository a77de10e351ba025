"""The tables of docs/lab.md: each row says where its fact is from, and names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from lab.plexsim.plexsim import fault_names
from lab.plextv import fault_names as plextv_faults
from lab.scwsim import faults as scwsim_faults

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "lab.md").read_text()
NAMES = {
    *(
        name
        for path in ROOT.glob("tests/**/test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    ),
    *(path.name for path in ROOT.glob("tests/**/test_*.py")),
}
MENTIONED = sorted(set(re.findall(r"`((?:test_|…)\w+…?(?:\.py)?)`", PAGE)))
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for table in PAGE.split("| real behaviour | known from | our test |\n|---|---|---|\n")[1:]
    for line in table.partition("\n\n")[0].splitlines()
]


def test_the_tests_of_the_page_exist() -> None:
    patterns = {mention: re.compile(re.escape(mention).replace("…", r"\w*")) for mention in MENTIONED}
    assert MENTIONED
    assert [mention for mention, found in patterns.items() if not any(map(found.fullmatch, NAMES))] == []


def test_each_row_says_how_it_is_known_and_is_tested() -> None:
    assert ROWS
    assert [row for row in ROWS if len(row) != 3 or not all(row)] == []
    assert [row[1] for row in ROWS if not row[1].startswith(("measured", "documented", "assumed"))] == []


def test_every_fault_is_described() -> None:
    """By its name, or by that of its family."""
    families = tuple(re.findall(r"`(\w+_)\*`", PAGE))
    names = {*fault_names.FAULTS, *plextv_faults.FAULTS, *scwsim_faults.FAULTS}
    assert sorted(name for name in names if f"`{name}`" not in PAGE and not name.startswith(families)) == []
