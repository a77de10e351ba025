# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a bucket gives this machine, and how long the pending work will read from it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .pace import duration_words

# An analysis reads with several streams; the machine's encryption and Plex take their part of the line's best moment.
USABLE = 0.8


@dataclass(frozen=True)
class Measured:
    """moved: bytes; seconds: how long; streams: how many files at once."""

    moved: int
    seconds: float
    streams: int

    @property
    def rate(self) -> float:
        """Bytes a second."""
        return self.moved / self.seconds if self.seconds > 0 else 0.0


def forecast(pending: int | None, best: Measured) -> float | None:
    """Seconds that reading so many bytes takes; None when nobody knows how many, or nothing moved."""
    if pending is None or not best.rate:
        return None
    return pending / (best.rate * USABLE)


def sentence(first_byte: float, one: Measured, many: Measured, pending: int | None) -> str:
    """Tell it in a line: latency, rate of one file and of many, what is left to read and for how long."""
    told = (
        f"first byte after {1000 * first_byte:.0f} ms; one file {one.rate / 1e6:.1f} MB/s, "
        f"{many.streams} at once {many.rate / 1e6:.1f} MB/s"
    )
    best = max(one, many, key=lambda measured: measured.rate)
    seconds = forecast(pending, best)
    if pending is None:
        return f"{told}; how much is left to read is known once the library is there"
    if seconds is None:
        return f"{told}; nothing moved, so there is no forecast"
    return f"{told}; {pending / 1e9:.1f} GB are left to read, about {duration_words(seconds)}"
