# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Until when a run may work for the money of --max-eur; the ledger knows the moment from the machine's price."""

from __future__ import annotations

import time
from typing import Any

from wrapper.cancel import Cancel
from wrapper.stages import EXPORT, SCAN, SONIC, Stage

CAPPED = "capped"
MONEY_IS_UP = "the time that the machine may be rented for (--max-eur, scaleway_instance_max_hours) was used up"
# These end by themselves at the moment, in good order; what does not is stopped so many seconds later.
SELF_ENDING = (SCAN, SONIC)
GRACE = 300.0


def is_up(book: dict[str, Any]) -> bool:
    """Whether the moment has passed at which scan and analysis must have ended."""
    ends_at = book["machine"].get("work_ends_at")
    return bool(ends_at) and time.time() >= float(ends_at)


def paid_until(book: dict[str, Any], stage: Stage) -> float:
    """The moment (seconds since 1970) at which this stage is to be stopped from outside; never for the export."""
    ends_at = book["machine"].get("work_ends_at")
    if not ends_at or stage is EXPORT:
        return float("inf")
    return float(ends_at) + (GRACE if stage in SELF_ENDING and not is_up(book) else 0.0)


def must_stop(cancel: Cancel, ends_at: float) -> bool:
    """Whether somebody asked to stop, or the money is used up."""
    return cancel.requested or time.time() >= ends_at
