"""The report says what happened to the mount, and nothing when nothing did."""

from __future__ import annotations

from wrapper.report import mount_lines


def test_a_quiet_mount_is_not_mentioned() -> None:
    assert mount_lines({"results": {}}) == []
    assert mount_lines({"results": {"guard": {"state": "healthy", "windows": [], "counts": {"repairs": 0}}}}) == []


def test_the_times_in_which_plex_stood_still_are_told() -> None:
    windows = [
        {"from": 10.0, "to": 11.0, "cause": "the process of the mount ended", "workers": 2, "workers_ended": 2},
        {"from": 50.0, "to": 85.0, "cause": "S3 itself does not answer", "workers": 0, "workers_ended": 0},
        {"from": 90.0, "cause": "S3 itself does not answer", "workers": 0},
    ]
    (line,) = mount_lines({"results": {"guard": {"windows": windows, "counts": {"repairs": 1}}}})
    assert line == (
        "mount: Plex stood still 3 times, 36 s in all, and does so now, 1 repair of the mount"
        " (the process of the mount ended; S3 itself does not answer)"
    )
