from __future__ import annotations

import pytest

from module_utils.pace import Pace, duration_words, pace, progress_words, rate_words


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


def test_a_steady_rate_tells_the_end() -> None:
    points = [(2.0 * n, 8 * n) for n in range(5)]
    assert pace(points, 24) == Pace(4.0, 6.0)


def test_waiting_before_the_first_track_does_not_slow_the_rate() -> None:
    points = [(0.0, 20), (60.0, 20), (120.0, 20), (122.0, 28), (124.0, 36), (126.0, 44)]
    assert pace(points, 40) == Pace(4.0, 10.0)


def test_the_first_track_starts_the_clock_when_tracks_are_rare() -> None:
    points = [(0.0, 0), (100.0, 0), (200.0, 1), (300.0, 2), (400.0, 3)]
    assert pace(points, 1).rate == pytest.approx(0.01)


def test_a_burst_at_the_start_is_forgotten() -> None:
    burst = [(float(n), 50 * n) for n in range(11)]
    slow = [(10.0 + 10 * n, 500 + 10 * n) for n in range(1, 31)]
    told = pace(burst + slow, 100)
    assert told.rate == pytest.approx(1.0, rel=0.05)
    assert told.eta_seconds == pytest.approx(100, rel=0.05)


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


def test_there_is_no_band_before_there_are_parts_to_compare() -> None:
    assert pace([(0.0, 0), (10.0, 5), (20.0, 10)], 10).eta_low is None
