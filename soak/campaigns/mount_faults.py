"""Whatever happens to the mount while Plex scans, no row of the library is lost, and the mount comes back.

Plex scans through a FUSE mount with its trash emptied after each scan, or not. A fault hits at a random moment. The
census after it is the census before; Plex stood still within 10 s of a dead mount; the mount reads again through the
container.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from soak.campaign import BrokenPromiseError, Case
from soak.mount_rig import TARGET, Rig, rig, wait

SAMPLE = 4

_PID = "$(systemctl show -P MainPID plex-burst-mount)"
_CONNECTION = "$(grep ' /srv/plex-burst/generation ' /proc/self/mountinfo | tail -1 | cut -d' ' -f3 | cut -d: -f2)"
# On the machine: a command; at S3: a fault of the proxy with its parameters and the seconds that it may last.
BROKEN = {
    "rclone killed": f"kill -KILL {_PID}",
    "rclone stopped": f"kill -STOP {_PID}",
    "rclone ended": f"kill -TERM {_PID}",
    "connection aborted": f"echo 1 > /sys/fs/fuse/connections/{_CONNECTION}/abort",
    "unmounted by hand": f"umount --lazy {TARGET}",
    "generation unmounted": "umount --lazy /srv/plex-burst/generation",
    "unit restarted": "systemctl restart plex-burst-mount",
    "guard killed": "systemctl kill --signal=KILL plex-burst-guard",
    "rclone and guard killed": f"kill -KILL {_PID} $(systemctl show -P MainPID plex-burst-guard)",
}
AWAY: dict[str, tuple[str, dict[str, Any]]] = {
    "connections reset": ("s3_reset", {}),
    "black hole": ("s3_black_hole", {}),
    "status 403": ("s3_status", {"status": 403}),
    "status 404": ("s3_status", {"status": 404}),
    "status 500": ("s3_status", {"status": 500}),
    "status 503": ("s3_status", {"status": 503}),
    "bodies cut": ("s3_truncate", {"bytes": 1000}),
    "50 kB/s": ("s3_slow", {"bytes_per_second": 50_000}),
    "5 s late": ("s3_latency", {"seconds": 5}),
}
# Faults that leave no mount to read: Plex has to stand still. The others may pass unnoticed.
DEAD = {"rclone killed", "rclone stopped", "rclone ended", "connection aborted", "unmounted by hand", "unit restarted"}
SLOW = {"50 kB/s", "5 s late"}
FROZEN_WITHIN = 10.0
READABLE_WITHIN = {"rclone stopped": 20.0, "rclone killed": 5.0}
# The machine of a campaign is shared with everything else; on an idle one the limits above are kept with ease.
_SLACK = 20.0


def cases(count: int, seed: int) -> Iterator[Case]:
    """Draw faults, alone or two at once, at a moment of the scan, with and without autoEmptyTrash."""
    chooser = random.Random(seed)
    names = [*BROKEN, *AWAY]
    for number in range(count):
        # Each fault comes once before chance takes over.
        faults = [names[number]] if number < len(names) else chooser.sample(names, chooser.choice([1, 1, 1, 2]))
        yield {
            "number": number, "faults": faults, "after": round(chooser.uniform(0, 3), 2),
            "lasts": round(chooser.uniform(2, 25), 1), "empty_trash": chooser.random() < 0.5,
        }


def run(case: Case, _workdir: Path) -> dict[str, Any]:
    """Do one case on the shared machine."""
    with rig() as machine:
        return _one(machine, case)


def _one(machine: Rig, case: Case) -> dict[str, Any]:
    machine.reset()
    machine.plex("PUT", f"/:/prefs?autoEmptyTrash={int(case['empty_trash'])}")
    before = machine.census()
    machine.scan()
    time.sleep(case["after"])
    hit = time.time()
    for fault in case["faults"]:
        if fault in BROKEN:
            machine.sh(BROKEN[fault])
        else:
            name, parameters = AWAY[fault]
            machine.fault(name, True, **parameters)
    if set(case["faults"]) & set(AWAY):
        time.sleep(case["lasts"])
        machine.heal()
    healed = time.time()
    wait(machine.reads, True, 120, "the mount could not be read through the container")
    readable = time.time() - healed
    wait(machine.scanning, False, 120, "the scan did not end")
    after = machine.census()
    if after != before and any(window.get("workers_ended") for window in machine.windows(hit)):
        # Marks are no loss while no trash was emptied; the run repeats a scan that met a broken mount.
        machine.scan()
        wait(machine.scanning, False, 120, "the repeated scan did not end")
        after = machine.census()
    if after != before:
        raise BrokenPromiseError(f"census {before} became {after}")
    return _figures(machine, case, hit, readable)


def _figures(machine: Rig, case: Case, hit: float, readable: float) -> dict[str, Any]:
    windows = machine.windows(hit)
    figures: dict[str, Any] = {"windows": len(windows), "readable after healing": round(readable, 2)}
    repairs = sum(event["event"] == "repair" for event in machine.events(hit))
    figures["repairs"] = repairs
    (only,) = case["faults"] if len(case["faults"]) == 1 else ("",)
    if only in DEAD:
        if not windows:
            raise BrokenPromiseError(f"{only}: Plex was not frozen")
        figures["frozen after"] = round(windows[0]["from"] - hit, 3)
        if figures["frozen after"] > FROZEN_WITHIN:
            raise BrokenPromiseError(f"{only}: frozen after {figures['frozen after']} s only")
        figures[f"readable after: {only}"] = round(readable, 2)
        if readable > READABLE_WITHIN.get(only, FROZEN_WITHIN) + _SLACK:
            raise BrokenPromiseError(f"{only}: readable after {readable:.1f} s only")
    if only in SLOW and repairs:
        raise BrokenPromiseError(f"{only}: slow is not dead, and it was repaired {repairs} times")
    if only.startswith("status 5") and repairs:
        raise BrokenPromiseError(f"{only}: S3 was away, and the mount was repaired {repairs} times")
    return figures
