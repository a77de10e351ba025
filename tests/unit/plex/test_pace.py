from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import eta
from bench.analyses import KINDS
from module_utils.pace import Pace, duration_words, pace, progress_words, rate_words
from module_utils.time_left import expected_rate, steps_of


@pytest.mark.parametrize(
    ("points", "left"),
    [
        ([], 5),
        ([(0, 0)], 5),
        ([(0, 0), (2, 0), (4, 0)], 5),
        ([(0, 0), (2, 8)], 5),
        ([(0, 0), (2, 1), (4, 2)], 5),
    ],
    ids=["nothing", "one point", "standing", "one step", "too little gained"],
)
def test_unknown_stays_unknown(points: list[tuple[float, int]], left: int) -> None:
    assert pace(points, left).eta_seconds is None


def test_a_steady_rate_tells_the_end_with_a_pause_and_a_slow_tail_as_usual() -> None:
    """24 tracks at 4/s, of which the last fifth of 56 at four fifths of that, and three minutes of pause in an hour."""
    points = [(2.0 * n, 8 * n) for n in range(5)]
    seconds = ((24 - 11.2) / 4 + 11.2 / (4 * 0.8)) / (1 - 180 / 3608)
    assert pace(points, 24) == Pace(4.0, round(seconds, 1))


def test_what_is_complete_takes_no_time() -> None:
    assert pace([(30.0 * n, n) for n in range(20)], 0).eta_seconds == 0


def test_waiting_before_the_first_track_does_not_slow_the_rate() -> None:
    points = [(0.0, 20), (60.0, 20), (120.0, 20), (122.0, 28), (124.0, 36), (126.0, 44)]
    told = pace(points, 40)
    assert told.rate == 4.0
    assert told == pace(points[2:], 40)


def test_the_first_track_starts_the_clock_when_tracks_are_rare() -> None:
    points = [(0.0, 0), (100.0, 0), (200.0, 1), (300.0, 2), (400.0, 3)]
    assert pace(points, 1).rate == pytest.approx(0.01)


def test_a_burst_at_the_start_is_forgotten() -> None:
    burst = [(float(n), 50 * n) for n in range(11)]
    slow = [(10.0 + 10 * n, 500 + 10 * n) for n in range(1, 31)]
    told = pace(burst + slow, 100)
    assert told.rate == pytest.approx(1.0, rel=0.1)
    assert told.eta_seconds == pytest.approx(100, rel=0.2)


def test_a_pause_counts_less_than_its_time_and_more_than_nothing() -> None:
    """Ten minutes in the first hour are not to be expected in each; after a day with as much, they are."""
    hour = [(30.0 * n, 30 * min(n, 60) + 30 * max(0, n - 80)) for n in range(121)]
    day = [(3600.0 * h + at, 3000 * h + done) for h in range(24) for at, done in hour[1:]]
    first, whole = (expected_rate(steps_of(points)) for points in (hour, [(0.0, 0), *day]))
    working, seen = 1.0, 3000 / 3600
    assert seen < whole < first < working
    assert whole == pytest.approx(seen, rel=0.01)


def test_what_is_written_in_portions_is_no_row_of_pauses() -> None:
    portions = [(10.0 * n, 20 * (n // 5)) for n in range(60)]
    assert pace(portions, 1000).eta_seconds == pytest.approx(2500, rel=0.25)


def test_the_tail_tells_how_slow_its_rest_is() -> None:
    """At nine tenths: the slower the first half of the tail went, the longer the second takes."""
    ahead = [(10.0 * n, 10 * n) for n in range(81)]
    told = [
        pace([*ahead, *((800.0 + 10 * n, 800 + gain * n) for n in range(1, 100 // gain + 1))], 100).eta_seconds or 0
        for gain in (10, 5, 2)
    ]
    assert told == sorted(set(told))


def test_a_count_that_falls_is_no_step_back() -> None:
    points = [(10.0 * n, 10 * n) for n in range(20)]
    assert pace([*points, (200.0, 5), (210.0, 15)], 100).rate == pytest.approx(1.0, rel=0.1)


def test_a_pause_makes_it_slower_and_then_unknown_never_negative() -> None:
    moving = [(float(n), n) for n in range(20)]
    rates = [pace([*moving, (20.0 + wait, 19)], 10).rate for wait in (0, 20, 40, 4000)]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known, reverse=True)
    assert known[0] > known[-1] > 0


@pytest.mark.parametrize(
    ("rate", "words"), [(4.07, "4.1/s"), (0.5, "30.0/min"), (0.01, "36.0/h"), (0.0001, "0.4/h"), (1234.0, "1234.0/s")]
)
def test_rates_use_a_unit_that_says_something(rate: float, words: str) -> None:
    assert rate_words(rate) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (6, "6 s"),
        (99, "99 s"),
        (100, "2 min"),
        (5400, "90 min"),
        (7800, "2 h 10 min"),
        (274_000, "3 d 4 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@pytest.mark.parametrize(
    ("speed", "words"),
    [
        (Pace(4.1, 6.1), "37/62 tracks, 4.1/s, about 6 s left"),
        (Pace(), "37/62 tracks, time left unknown"),
        (Pace(4.1, None), "37/62 tracks, 4.1/s, time left unknown"),
    ],
)
def test_progress(speed: Pace, words: str) -> None:
    assert progress_words(37, 62, "tracks", speed) == words


def test_large_numbers_are_readable() -> None:
    assert progress_words(81_035, 456_534, "tracks", Pace(1.5, 250_000)).startswith("81,035/456,534 tracks, 1.5/s")


def test_what_is_complete_has_no_time_left() -> None:
    assert progress_words(62, 62, "tracks", Pace()) == "62/62 tracks"


def test_the_band_holds_what_is_left_and_widens_with_the_scatter() -> None:
    steady = [(30.0 * n, 30 * n) for n in range(40)]
    rough = [(30.0 * n, 30 * n + (150 if n % 9 < 4 else 0)) for n in range(40)]
    even, uneven = pace(steady, 1000), pace(rough, 1000)
    for speed in (even, uneven):
        assert speed.eta_low is not None
        assert speed.eta_seconds is not None
        assert speed.eta_high is not None
        assert speed.eta_low <= speed.eta_seconds <= speed.eta_high
    assert (uneven.eta_high or 0) - (uneven.eta_low or 0) > (even.eta_high or 0) - (even.eta_low or 0)


def test_there_is_no_band_before_there_are_steps_to_compare() -> None:
    points = [(10.0 * n, 5 * n) for n in range(13)]
    assert pace(points[:-1], 10).eta_low is None
    assert pace(points, 10).eta_low is not None


@given(st.lists(st.tuples(st.floats(1, 600), st.integers(0, 500)), max_size=60), st.integers(1, 10_000))
def test_whatever_was_seen_the_band_is_around_what_is_told(steps: list[tuple[float, int]], left: int) -> None:
    seconds, gains = ([0, *accumulate(column)] for column in (zip(*steps, strict=True) if steps else ((), ())))
    told = pace(list(zip(seconds, gains, strict=True)), left)
    assert told.eta_seconds is None or told.eta_seconds >= 0
    if told.eta_low is not None:
        assert 0 <= told.eta_low <= (told.eta_seconds or 0) <= (told.eta_high or 0)


@pytest.mark.deep
@pytest.mark.parametrize("kind", ["batches", "tracks"])
def test_the_time_left_is_as_near_and_the_band_as_honest_as_is_said(kind: str) -> None:
    """docs/phases.md; the bench does the same with ten times as many tracks."""
    analyses = eta.analyses(kind, 4_000)
    assert eta.errors(eta.ours, analyses, 0.25)["median"] <= 0.15
    assert min(eta.band(analyses, share)["holds"] for share in eta.SHARES) >= 0.8


def test_the_bench_knows_the_end_of_its_analyses() -> None:
    for kind, make in KINDS.items():
        analysis = make(1, 400)
        points, left, real = analysis.at(0.25)
        assert 300 >= left > 0 < real, kind
        assert analysis.points[-1] == (analysis.end, 400), kind
        assert points[-1][0] + real == pytest.approx(analysis.end), kind


def test_the_oracle_takes_the_median_that_is_off_least() -> None:
    assert eta.least_off([1.0, 10.0, 10.0]) == 1.0
    assert eta.least_off([9.0, 10.0, 11.0]) == 10.0
