"""May the rented Plex work on home's library?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils.version_parity import parity
from plugins.modules import plex_db_check

NOW, OLD, BETWEEN = "202608120900", "202206291100", "202404010000"
CASES = [
    ("1.43.3.10861-07dfddaeb", [NOW], "1.43.3.10861-07dfddaeb", "same"),
    ("1.43.3.10861-07dfddaeb", [NOW], "1.43.3", "same"),
    ("1.43.3.10861-07dfddaeb", [NOW], "1.43.2.9", "newer"),
    ("1.43.3.10861", [NOW], "1.9.0.1", "newer"),
    ("1.43.3.10861", [NOW], "1.100.0.1", "older"),
    ("1.43.3.10861", [NOW], "", "unknown"),
    ("1.43.3.10861", [OLD, "500000000001.231"], "", "newer"),
    ("1.43.3.10861", [BETWEEN], "", "newer"),
    ("1.41.0.1", [BETWEEN], "", "unknown"),
    ("1.42.0.1", [BETWEEN], "", "newer"),
    ("1.40.0.1", [NOW], "", "too_old"),
    ("1.32.8.7639", [OLD], "", "unknown"),
    ("1.43.3.10861", ["500000000001.231"], "", "unknown"),
    ("latest", [NOW], "", "unknown"),
    ("1.43.3.10861", [NOW], "the newest", "unknown"),
]


@pytest.mark.parametrize(("rented", "migrations", "home", "state"), CASES)
def test_states(rented: str, migrations: list[str], home: str, state: str) -> None:
    found = parity(rented, migrations, home)
    assert found.state == state
    assert bool(found.sentence) == (state != "same")
    assert found.refused == (state in {"newer", "too_old"})


def test_a_library_of_1_32_is_refused_by_a_newer_plex_unless_allowed(
    run: Callable[..., dict[str, Any]], real_pair: Path
) -> None:
    options = {"directory": real_pair, "level": "quick", "plex_version": "1.43.3.10861-07dfddaeb"}
    refused = run(plex_db_check, **options)
    assert refused["failed"]
    assert "is newer than home's, whose library ends with migration 202206291100" in refused["msg"]
    allowed = run(plex_db_check, **options, allow_newer=True)
    assert (allowed["ok"], allowed["parity"]["state"], allowed["newest_migration"]) == (True, "newer", "202206291100")
    same = run(plex_db_check, **options | {"plex_version": "1.32.8.7639-fb6452ebf"}, home_version="1.32.8.7639")
    assert (same["ok"], same["parity"]["state"]) == (True, "same")
