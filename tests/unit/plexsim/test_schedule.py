from __future__ import annotations

import pytest

from lab.plexsim.plexsim.schedule import is_open


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        (2, 5, [2, 3, 4]),
        (22, 1, [0, 22, 23]),
        (0, 23, list(range(23))),
        (4, 4, []),
    ],
)
def test_the_butlers_hours(start: int, end: int, hours: list[int]) -> None:
    assert [hour for hour in range(24) if is_open(hour, start, end)] == hours
