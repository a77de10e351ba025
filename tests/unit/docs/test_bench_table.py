"""The benches' table: ratios are to the first way, and a kept result shows what was printed."""

from __future__ import annotations

import json

from bench.table import Measured, lines, measured_apart, report


def test_a_kept_result_shows_what_was_printed() -> None:
    runs = {
        "tar": [Measured(4.0, 2.0, 10), Measured(2.0, 2.0, 30), Measured(3.0, 4.0, 20)],
        "ours": [Measured(0.6, 0.5, 90)],
    }
    result = report("snapshot", runs, {"ours": 0.5}, {"tracks": 3})
    _, head, baseline, ours = lines(json.loads(json.dumps(result, sort_keys=True)))
    assert head.split() == ["elapsed", "ratio", "processor", "ratio", "goal", "memory"]
    assert baseline.split() == ["tar", "3.000", "s", "1.00", "2.000", "s", "1.00", "30", "MB"]
    assert ours.split() == ["ours", "0.600", "s", "0.20", "0.500", "s", "0.25", "0.50", "90", "MB"]


def test_the_memory_is_that_of_the_work() -> None:
    ballast = bytearray(b"x" * (150 << 20))
    del ballast
    assert measured_apart(lambda: None).memory < 150
    assert measured_apart(lambda: bytearray(b"x" * (100 << 20))).memory > 100
