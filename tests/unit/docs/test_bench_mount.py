"""What counts of several rounds, and what of one that failed."""

from __future__ import annotations

from typing import Any

import pytest

from bench.mount import compare, middle


@pytest.mark.parametrize(
    ("rounds", "counts"),
    [
        ([{"seconds": 3.0}], {"seconds": 3.0}),
        ([{"seconds": 3.0}, {"seconds": 1.0}, {"seconds": 2.0}], {"seconds": 2.0, "seconds of all": [3.0, 1.0, 2.0]}),
        ([{"seconds": 3.0}, {"failed": "no mount"}], {"failed": "no mount"}),
    ],
)
def test_the_middle_counts_and_a_failure_is_never_hidden(rounds: list[dict[str, Any]], counts: dict[str, Any]) -> None:
    assert middle(rounds, "seconds") == counts


def test_every_goal_has_its_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"way": "predecessor", "work": "tags", "seconds": 20.0, "bytes": 2 << 30},
        {"way": "ours", "work": "tags", "seconds": 2.0, "bytes": 1 << 30},
        {"way": "s3fs", "work": "tags", "failed": "no mount"},
    ]
    compare(rows)
    assert rows[1]["ratio"] == {"seconds": 0.1, "bytes": 0.5}
    told = capsys.readouterr().out
    assert "0.1 of seconds (goal 0.15), 0.5 of bytes (goal 0.05)" in told
    assert "failed: no mount" in told
