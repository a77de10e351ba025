# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether another generation of the mount may show times that this one does not: pure."""

from __future__ import annotations

from dataclasses import dataclass

# Other generations in one repair, each of which costs a listing and a request a file.
MOST = 4


@dataclass
class Times:
    """What the generations of a mount showed. missing: files whose time is not their own, or cannot be asked for."""

    shown_by: int = 0  # the process of the generation that shows what there is to show
    untold: int = 0  # files that no generation could date
    last: int | None = None  # those missing in the generation before this one, in the repair under way
    others: int = 0  # generations that were begun for their sake
    s3_was_away: bool = False  # while this generation asked

    def begin(self) -> None:
        """Begin a repair."""
        self.last, self.others, self.s3_was_away = None, 0, False

    def worth_another(self, missing: int, dated: int) -> bool:
        """Judge a generation by the number of its files without a time, and of those with one.

        As long as the next one does better than the one before, or most are missing, or S3 was away, they may still
        come; else these are files that S3 dates for nobody.
        """
        better = missing > self.untold and (self.last is None or missing < self.last)
        hopeful = better or missing > dated or self.s3_was_away
        if missing and hopeful and self.others < MOST:
            self.last, self.others, self.s3_was_away = missing, self.others + 1, False
            return True
        self.untold = max(self.untold, missing)
        return False

    def pause(self) -> float:
        """Give the seconds until the next generation asks; they double, as S3 may have been asked for too much."""
        return float(2**self.others)
