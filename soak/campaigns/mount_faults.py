"""Whatever happens to the mount while Plex scans, no row of the library is lost, and the mount comes back.

Plex scans through a FUSE mount with its trash emptied after each scan, or not. A fault hits at a random moment. The
census after it is the census before; Plex stood still within 10 s of a dead mount; the mount reads again through the
container. Every named fault comes once with an emptied trash and once without, then chance takes over, with two faults
at once in every fourth case.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soak.campaign import BrokenPromiseError, Case
from soak.mount_rig import GUARD, TARGET, Rig, rig, wait

SAMPLE = 4
# The table of the named faults is the result.
KEEP_ROWS = True

_PID = "$(systemctl show -P MainPID plex-burst-mount)"
_CONNECTION = "$(grep ' /srv/plex-burst/generation ' /proc/self/mountinfo | tail -1 | cut -d' ' -f3 | cut -d: -f2)"
# The process is moved into a group of its own that may hold next to nothing, and given something to read; both cgroup
# versions.
_STARVE = f"""
pid={_PID}
if group=$(sed -n 's/^[0-9]*:memory://p' /proc/$pid/cgroup) && [ -n "$group" ]; then
  group=/sys/fs/cgroup/memory$group/starved; limit=memory.limit_in_bytes
else
  group=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)/starved; limit=memory.max
fi
mkdir -p $group && echo 1048576 > $group/$limit && echo $pid > $group/cgroup.procs
(timeout --kill-after 1 5 find /srv/plex-burst/generation -type f -exec cat {{}} + >/dev/null 2>&1 &)
"""
# The guard's own directory without a byte of room, and then a reason to write.
_FILL = f"""
mount -t tmpfs -o size=256k,mode=0700 full /mnt && cp -a {GUARD}/. /mnt/ && mount --bind /mnt {GUARD} && umount /mnt
dd if=/dev/zero of={GUARD}/filler bs=4k 2>/dev/null; kill -KILL {_PID}
"""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    do, undo: commands on the machine. at_s3: a fault of the proxy with its parameters. lasts: seconds until it is
    undone; None: chance says. dead: it leaves no mount to read, so Plex has to stand still. reboot: the machine
    itself is restarted. slow: it is no reason to repair anything.
    """

    do: str = ""
    undo: str = ""
    at_s3: str = ""
    parameters: Mapping[str, float] = field(default_factory=dict)
    lasts: float | None = None
    dead: bool = False
    reboot: bool = False
    slow: bool = False

    @property
    def passes(self) -> bool:
        """Whether it has to be undone."""
        return bool(self.undo or self.at_s3)


NAMED = {
    "rclone killed": Fault(f"kill -KILL {_PID}", dead=True),
    "connection aborted": Fault(f"echo 1 > /sys/fs/fuse/connections/{_CONNECTION}/abort", dead=True),
    "rclone out of memory": Fault(_STARVE, dead=True),
    "DNS gone": Fault(
        "cp /etc/resolv.conf /run/resolv.kept; echo nameserver 192.0.2.1 > /etc/resolv.conf",
        "cat /run/resolv.kept > /etc/resolv.conf",
    ),
    "rclone stopped": Fault(f"kill -STOP {_PID}", dead=True),
    "rclone ended": Fault(f"kill -TERM {_PID}", dead=True),
    "unmounted by hand": Fault(f"umount --lazy {TARGET}", dead=True),
    "generation unmounted": Fault("umount --lazy /srv/plex-burst/generation"),
    "parent unmounted": Fault("umount --lazy /srv/plex-burst/mnt", dead=True),
    "unit restarted": Fault("systemctl restart plex-burst-mount", dead=True),
    "guard killed": Fault("systemctl kill --signal=KILL plex-burst-guard"),
    "rclone and guard killed": Fault(f"kill -KILL {_PID} $(systemctl show -P MainPID plex-burst-guard)"),
    "disk full, rclone killed": Fault(_FILL, f"rm -f {GUARD}/filler", dead=True),
    "Docker restarted": Fault("systemctl restart docker"),
    "machine rebooted": Fault(reboot=True),
    "connections reset": Fault(at_s3="s3_reset"),
    "black hole 5 s": Fault(at_s3="s3_black_hole", lasts=5),
    "black hole 90 s": Fault(at_s3="s3_black_hole", lasts=90),
    "403": Fault(at_s3="s3_status", parameters={"status": 403}),
    "404, bucket gone": Fault(at_s3="s3_status", parameters={"status": 404}),
    "500": Fault(at_s3="s3_status", parameters={"status": 500}, slow=True),
    "503, slow down": Fault(at_s3="s3_status", parameters={"status": 503}, slow=True),
    "bodies cut": Fault(at_s3="s3_truncate", parameters={"bytes": 1000}),
    "50 kB/s": Fault(at_s3="s3_slow", parameters={"bytes_per_second": 50_000}, slow=True),
    "5 s late": Fault(at_s3="s3_latency", parameters={"seconds": 5}, slow=True),
    "clock skewed": Fault(at_s3="s3_clock", parameters={"seconds": 3600}),
    "black hole 10 min": Fault(at_s3="s3_black_hole", lasts=600),
}
# Too long for a draw, and what ends the guard's reports says nothing in a pair.
_ALONE = {"black hole 10 min", "machine rebooted", "Docker restarted"}
FROZEN_WITHIN = 10.0
READABLE_WITHIN = {"rclone stopped": 20.0, "rclone killed": 5.0}
# The machine of a campaign is shared with everything else; on an idle one the limits above are kept with ease.
_SLACK = 20.0


def cases(count: int, seed: int) -> Iterator[Case]:
    """Draw faults, alone or two at once, at a moment of the scan, with and without autoEmptyTrash."""
    chooser = random.Random(seed)
    names, drawn = list(NAMED), [name for name in NAMED if name not in _ALONE]
    for number in range(count):
        row, column = divmod(number, len(names))
        if row < 2:
            faults, empty_trash = [names[column]], (row + column) % 2 == 0
        else:
            faults, empty_trash = chooser.sample(drawn, chooser.choice([1, 1, 1, 2])), chooser.random() < 0.5
        yield {
            "number": number,
            "faults": faults,
            "after": round(chooser.uniform(0, 3), 2),
            "lasts": round(chooser.uniform(2, 25), 1),
            "empty_trash": empty_trash,
        }


def run(case: Case, _workdir: Path) -> dict[str, Any]:
    """Do one case on the shared machine."""
    with rig() as machine:
        try:
            return _one(machine, case)
        except BrokenPromiseError as broken:
            last = [f"{event['event']} {event['state']} {event.get('cause', '')}" for event in machine.events()[-6:]]
            raise BrokenPromiseError(f"{broken}; the guard's last words: {', '.join(last)}") from broken


def _one(machine: Rig, case: Case) -> dict[str, Any]:
    machine.reset()
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
            machine.sh(fault.undo)
        machine.heal()
    healed = time.time()
    machine.start_plex()
    wait(machine.reads, True, 120, "the mount could not be read through the container")
    readable = time.time() - healed
    wait(machine.scanning, False, 120, "the scan did not end")
    after = machine.census()
    if after != before and machine.windows(hit):
        # Marks are no loss while no trash was emptied; the run repeats a scan that met a sick mount.
        machine.scan()
        wait(machine.scanning, False, 120, "the repeated scan did not end")
        after = machine.census()
    if after != before:
        # The next case begins with everything there.
        machine.scan()
        wait(machine.scanning, False, 120, "the scan that puts things right did not end")
        raise BrokenPromiseError(f"census {before} became {after}")
    return _figures(machine, case, hit, readable)


def _begin(machine: Rig, fault: Fault) -> None:
    if fault.reboot:
        machine.reboot()
    elif fault.at_s3:
        machine.fault(fault.at_s3, True, **fault.parameters)
    else:
        machine.sh(fault.do, timeout=60)


def _figures(machine: Rig, case: Case, hit: float, readable: float) -> dict[str, Any]:
    windows = machine.windows(hit)
    figures: dict[str, Any] = {"windows": len(windows), "readable after healing": round(readable, 2)}
    repairs = sum(event["event"] == "repair" for event in machine.events(hit))
    figures["repairs"] = repairs
    name = case["faults"][0]
    if len(case["faults"]) > 1:
        return figures
    if NAMED[name].dead:
        if not windows:
            raise BrokenPromiseError(f"{name}: Plex was not frozen")
        figures["frozen after"] = round(windows[0]["from"] - hit, 3)
        if figures["frozen after"] > FROZEN_WITHIN:
            raise BrokenPromiseError(f"{name}: frozen after {figures['frozen after']} s only")
        figures[f"readable after: {name}"] = round(readable, 2)
        if readable > READABLE_WITHIN.get(name, FROZEN_WITHIN) + _SLACK:
            raise BrokenPromiseError(f"{name}: readable after {readable:.1f} s only")
    if NAMED[name].slow and repairs:
        raise BrokenPromiseError(f"{name}: slow is not dead, and it was repaired {repairs} times")
    return figures
