"""How soon a sick mount stands still and reads again: rclone killed, rclone that hangs, a bucket that is a black hole.

Needs the lab (script/lab up); the machine is the one of the mount's faults. A reader in the container opens files at
random, one after the other, and notes when each read began, when it ended and whether it brought bytes. *frozen*: from
the fault until the guard has frozen Plex. *readable*: until the first byte of a read that began afterwards; of a black
hole, from the moment at which the bucket answers again. All figures are seconds; what counts is the worst.

python -m bench.recovery [--faults N] [--save]
"""

from __future__ import annotations

import argparse
import json
import random
import shlex
import time
from dataclasses import dataclass
from typing import Any

from bench.table import circumstances, median, save
from soak.mount_rig import Rig, rig
from soak.named_faults import NAMED

GOALS = {"rclone killed": 5.0, "rclone stopped": 20.0, "black hole": 40.0}
FROZEN = 10.0
SEED = 1
# In the container, where it stands still as Plex does; what it could not read is a line, too.
READER = r"""
import os, random, time
files = [os.path.join(d, f) for d, _, names in os.walk("/media/library") for f in names]
while True:
    began = time.time()
    try:
        handle = os.open(random.choice(files), os.O_RDONLY | os.O_DIRECT)
        good = bool(os.read(handle, 4096))
        os.close(handle)
    except OSError:
        good = False
    print(began, time.time(), int(good), flush=True)
    time.sleep(0.05)
"""
SEEN = "/tmp/recovery.reads"


@dataclass(frozen=True)
class Reads:
    """What the reader saw: when each read began, when it ended, and whether it brought bytes."""

    lines: list[tuple[float, float, bool]]

    def good_after(self, moment: float) -> float | None:
        """When the first read ended that was not under way at that moment and brought bytes."""
        return next((ended for began, ended, good in self.lines if good and began >= moment), None)


def reads(machine: Rig) -> Reads:
    """Take what the reader has written so far; a line that is being written is left out."""
    lines = [line.split() for line in machine.sh(f"cat {SEEN}").splitlines()]
    return Reads([(float(line[0]), float(line[1]), line[2] == "1") for line in lines if len(line) == 3])


def one(machine: Rig, kind: str, lasts: float) -> dict[str, Any]:
    """Do a fault while the reader reads; seconds until frozen (None: never) and until readable."""
    machine.reset()
    machine.sh(f"docker exec plex pkill -f recovery.reads; rm -f {SEEN}")
    command = f"docker exec plex python3 -c {shlex.quote('# recovery.reads' + READER)}"
    machine.sh(f"({command} > {SEEN} 2>&1 &)")
    while not reads(machine).lines:
        time.sleep(0.2)
    hit = time.time()
    if kind == "black hole":
        machine.fault("s3_black_hole", True)
        time.sleep(lasts)
        machine.fault("s3_black_hole", False)
    else:
        machine.sh(NAMED[kind].do)
    # A read that began before the fault had taken hold says nothing; the time counts from its beginning all the same.
    done = time.time()
    healed = done if kind == "black hole" else hit
    while (readable := reads(machine).good_after(done)) is None:
        if time.time() - healed > 180:
            raise SystemExit(f"{kind}: nothing could be read for 180 s; see script/lab status")
        time.sleep(0.2)
    frozen = [event["at"] for event in machine.look(f"--since={hit}")["events"] if event["event"] == "frozen"]
    return {"frozen": round(frozen[0] - hit, 2) if frozen else None, "readable": round(readable - healed, 2)}


def main() -> None:
    """Do the faults in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    chooser = random.Random(SEED)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in GOALS}
    with rig() as machine:
        try:
            for number in range(asked.faults):
                kind = list(GOALS)[number % len(GOALS)]
                # Long enough to be frozen for; the end comes at another moment of rclone's own time-outs each time.
                lasts = chooser.uniform(12, 45)
                found[kind].append(one(machine, kind, lasts))
                print(json.dumps({"fault": kind, **found[kind][-1]}), flush=True)
        finally:
            machine.heal()
            machine.sh("docker exec plex pkill -f recovery.reads")
    rows = {}
    print(f"\n{'':16}{'faults':>8}{'frozen, worst':>16}{'readable, median':>18}{'worst':>8}{'goal':>6}")
    for kind, faults in found.items():
        stood = [fault["frozen"] for fault in faults if fault["frozen"] is not None]
        again = [fault["readable"] for fault in faults]
        rows[kind] = {
            "faults": len(faults),
            "frozen_times": len(stood),
            "frozen_worst": max(stood, default=None),
            "readable_median": median(again),
            "readable_worst": max(again),
            "goal": GOALS[kind],
        }
        row = rows[kind]
        print(
            f"{kind:16}{row['faults']:8}{row['frozen_worst']!s:>16}{row['readable_median']:18.2f}"
            f"{row['readable_worst']:8.2f}{row['goal']:6.0f}"
        )
    if asked.save:
        save({**circumstances("recovery"), "seed": SEED, "found": rows, "goals": GOALS, "frozen_within": FROZEN})


if __name__ == "__main__":
    main()
