"""Whatever happens to the mount while Plex scans, no row of the library is lost, and the mount comes back.

Plex scans through a FUSE mount with its trash emptied after each scan, or not. A fault hits at a random moment. The
census after it is the census before; Plex stood still within 10 s of a dead mount; the mount reads again through the
container. Every named fault comes once with an emptied trash and once without, then chance takes over, with two faults
at once in every fourth case. One machine and one guard live through all cases, as they would through a long run.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from module_utils.guard_report import windows
from soak.campaign import BrokenPromiseError, Case
from soak.mount_rig import Rig, rig, wait
from soak.named_faults import DRAWN, NAMED, UNDO_ALL, Fault

SAMPLE = 4
# The table of the named faults is the result; of the draws, the figures.
KEEP_ROWS = 2 * len(NAMED)
FROZEN_WITHIN = 10.0
READABLE_WITHIN = {"rclone stopped": 20.0, "rclone killed": 5.0}
# The machine of a campaign is shared with everything else; on an idle one the limits above are kept with ease.
_SLACK = 20.0
# The listing of half a million files is there before Plex goes on.
_SLACK_OF_LARGE = 180.0


def cases(count: int, seed: int) -> Iterator[Case]:
    """Draw faults, alone or two at once, at a moment of the scan, with and without autoEmptyTrash."""
    chooser = random.Random(seed)
    names = list(NAMED)
    for number in range(count):
        row, column = divmod(number, len(names))
        if row < 2:
            faults, empty_trash = [names[column]], (row + column) % 2 == 0
            after, lasts = chooser.uniform(0, 3), chooser.uniform(2, 25)
        else:
            faults, empty_trash = chooser.sample(DRAWN, chooser.choice([1, 1, 1, 2])), chooser.random() < 0.5
            # Most are over before anybody is frozen, some are not.
            after, lasts = chooser.uniform(0, 1.5), min(25.0, 1 + chooser.expovariate(1 / 4))
        yield {
            "number": number,
            "faults": faults,
            "after": round(after, 2),
            "lasts": round(lasts, 1),
            "empty_trash": empty_trash,
        }


def run(case: Case, _workdir: Path, *, large: bool = False) -> dict[str, Any]:
    """Do one case on the shared machine, or on that with the large library."""
    with rig(large=large) as machine:
        hit = time.time()
        try:
            return _one(machine, case)
        except BrokenPromiseError as broken:
            events = machine.look(f"--since={hit}")["events"][-6:]
            last = [f"{event['event']} {event['state']} {event.get('cause', '')}" for event in events]
            # The next case must not begin with what is left of this one.
            machine.reset()
            raise BrokenPromiseError(f"{broken}; the guard's last words: {', '.join(last)}") from broken


def _one(machine: Rig, case: Case) -> dict[str, Any]:
    machine.ready(UNDO_ALL)
    machine.plex("PUT", f"/:/prefs?autoEmptyTrash={int(case['empty_trash'])}")
    before = machine.census()
    machine.scan()
    time.sleep(case["after"])
    hit = time.time()
    faults = [NAMED[name] for name in case["faults"]]
    for fault in faults:
        _begin(machine, fault)
    if passing := [fault for fault in faults if fault.passes]:
        time.sleep(max(case["lasts"] if fault.lasts is None else fault.lasts for fault in passing))
        for fault in passing:
            if fault.undo:
                machine.sh(fault.undo)
        machine.heal()
    healed = time.time()
    if any(fault.restarts_plex for fault in faults):
        machine.start_plex()
    wait(
        machine.reads,
        True,
        120 + (_SLACK_OF_LARGE if machine.large else 0),
        "the mount could not be read through the container",
    )
    readable = time.time() - healed
    machine.settle()
    found = machine.look("--census", f"--since={hit}")
    if found["census"]["times of parts"] != before["times of parts"]:
        # A time that was wrong and is right again has had the file analysed twice.
        raise BrokenPromiseError(f"census {before} became {found['census']}: files were shown with times not theirs")
    if found["census"] != before and windows(found["events"]):
        # Marks are no loss while no trash was emptied; the run repeats a scan that met a sick mount.
        machine.scan()
        machine.settle()
        found["census"] = machine.census()
    if found["census"] != before:
        # The next case begins with everything there.
        machine.scan()
        machine.settle()
        raise BrokenPromiseError(f"census {before} became {found['census']}")
    return _figures(case, hit, readable, found["events"], _SLACK_OF_LARGE if machine.large else _SLACK)


def _begin(machine: Rig, fault: Fault) -> None:
    if fault.reboot:
        machine.reboot()
    if fault.at_s3:
        machine.fault(fault.at_s3, True, **fault.parameters)
    if fault.do:
        machine.sh(fault.do, timeout=60)


def _figures(case: Case, hit: float, readable: float, events: list[dict[str, Any]], slack: float) -> dict[str, Any]:
    stood_still = windows(events)
    repairs = sum(event["event"] == "repair" for event in events)
    figures: dict[str, Any] = {
        "faults injected": len(case["faults"]),
        "windows": len(stood_still),
        "repairs": repairs,
        "readable after healing": round(readable, 2),
    }
    if len(case["faults"]) > 1:
        return figures
    (name,) = case["faults"]
    if NAMED[name].dead:
        if not stood_still:
            raise BrokenPromiseError(f"{name}: Plex was not frozen")
        figures["frozen after"] = round(stood_still[0]["from"] - hit, 3)
        if figures["frozen after"] > FROZEN_WITHIN:
            raise BrokenPromiseError(f"{name}: frozen after {figures['frozen after']} s only")
        figures[f"readable after: {name}"] = round(readable, 2)
        if readable > READABLE_WITHIN.get(name, FROZEN_WITHIN) + slack:
            raise BrokenPromiseError(f"{name}: readable after {readable:.1f} s only")
    if NAMED[name].elsewhere and repairs:
        raise BrokenPromiseError(f"{name}: S3 is to blame and not the mount, and it was repaired {repairs} times")
    return figures
