"""Signals are counted while a run lasts, and given back afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from wrapper.cancel import SIGNALS, counted_signals


@pytest.fixture
def restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("restored")
def test_each_signal_counts_and_none_raises() -> None:
    # Who runs the tests in the background or under nohup has some ignored, which the wrapper respects (next test).
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    with counted_signals() as cancel:
        assert not cancel.requested
        for count, number in enumerate(SIGNALS, 1):
            signal.raise_signal(number)
            assert cancel.count == count
        assert cancel.requested
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


@pytest.mark.usefixtures("restored")
def test_nohup_is_respected() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with counted_signals() as cancel:
        signal.raise_signal(signal.SIGHUP)
        assert cancel.count == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
