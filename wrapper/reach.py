# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A machine that does not answer any more: wait until it does, open its door again, go on where it was.

A run lasts days, and a home gets a new address every night. The machine works on meanwhile, and its port 22 is open to
the old address only; the provider's API can be asked from anywhere, so the playbook `reopen` lets the new one in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from wrapper.performer import Performed, Performer
from wrapper.stages import REOPEN, Stage

# Half of what the machine waits for a sign of life before it ends itself (scaleway_instance_silence_hours).
PATIENCE = 6 * 3600.0
# Between two tries: at first often, because most outages are short.
FIRST_PAUSE, LONGEST_PAUSE = 30.0, 600.0
_TURN = 0.25

Stop = Callable[[], bool]


def perform(performer: Performer, stage: Stage, stop: Stop) -> Performed:
    """Perform a stage; when its machine cannot be reached, wait for it and perform the stage again, which goes on."""
    done = performer.perform(stage, stop)
    while done.unreachable:
        performer.note(f"The machine does not answer any more ({done.sentence}). It works on; waiting for it.")
        if not _reopened(performer, stop):
            if stop():
                done.end, done.unreachable = "canceled", False
            break
        done = performer.perform(stage, stop, {"burst_resumed": True})
    return done


def pauses() -> Iterator[float]:
    """Give the seconds between two tries, which double."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _reopened(performer: Performer, stop: Stop) -> bool:
    ends = time.monotonic() + PATIENCE
    for pause in pauses():
        if performer.perform(REOPEN, stop).end == "done":
            return True
        next_try = time.monotonic() + pause
        while time.monotonic() < next_try and not stop():
            performer.view.tick()
            time.sleep(_TURN)
        if stop() or time.monotonic() > ends:
            return False
    return False
