from __future__ import annotations

import pytest

from lab.plexsim.plexsim.settings import from_environment


@pytest.mark.parametrize(("factor", "tail"), [("1", 28.0), ("20", 1.4), ("1000", 0.028)])
def test_the_time_factor_divides_real_durations(factor: str, tail: float) -> None:
    assert from_environment({"PLEXSIM_TIME_FACTOR": factor}).scaled(28) == pytest.approx(tail)


@pytest.mark.parametrize("factor", ["0.5", "1001", "-1"])
def test_a_time_factor_out_of_bounds_is_refused(factor: str) -> None:
    with pytest.raises(SystemExit, match=f"PLEXSIM_TIME_FACTOR is {factor}; it goes from 1 .* to 1000"):
        from_environment({"PLEXSIM_TIME_FACTOR": factor})
