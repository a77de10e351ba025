"""A few schedules of the campaign false_done, and that they would find a rule that is too hasty."""

from __future__ import annotations

import dataclasses

import pytest

from bench.schedules import LONGEST_GAP, scan
from soak.campaigns.false_done import PATIENCE, STEP, done_at


@pytest.mark.parametrize("seed", [64, 160, 162, 175])
def test_no_scan_is_done_before_it_is_and_it_is_said_soon_after(seed: int) -> None:
    schedule = scan(seed)
    late = done_at(schedule, 0) - schedule.idle_from
    assert 0 <= late <= (PATIENCE.quiet_samples + 1) * STEP + PATIENCE.grace_seconds


def test_the_schedules_find_a_rule_that_is_too_hasty() -> None:
    hasty = dataclasses.replace(PATIENCE, quiet_samples=1)
    assert any(done_at(scan(seed), 0, hasty) < scan(seed).idle_from for seed in range(10))
    assert (PATIENCE.quiet_samples - 1) * STEP > LONGEST_GAP
