"""What the guard of the mount costs while all is well: processor time with that of its children, and memory.

Needs the lab (script/lab up); the machine is the one of the mount's faults. The goals are 1 % of a core and 30 MB.

python -m bench.guard [--seconds N] [--save]
"""

from __future__ import annotations

import argparse
import os
import time

from bench.table import circumstances, save
from soak.mount_rig import Rig, rig

GOALS = {"percent_of_a_core": 1.0, "megabytes": 30.0}


def spent(machine: Rig) -> tuple[str, float, float]:
    """Read the guard's process: its number, seconds of processor time with its children's, most megabytes so far."""
    pid = machine.sh("systemctl show -P MainPID plex-burst-guard")
    text = machine.sh(f"cat /proc/{pid}/stat /proc/{pid}/status")
    fields = text.splitlines()[0].rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])
    (peak,) = (line.split()[1] for line in text.splitlines() if line.startswith("VmHWM"))
    return pid, ticks / os.sysconf("SC_CLK_TCK"), int(peak) * 1024 / 1e6


def main() -> None:
    """Measure for a while and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    with rig() as machine:
        machine.reset()
        pid, before, _ = spent(machine)
        started = time.monotonic()
        time.sleep(asked.seconds)
        same, after, peak = spent(machine)
        lasted = time.monotonic() - started
        state, still = machine.status()["state"], machine.windows(0)
    if same != pid or state != "healthy" or still:
        raise SystemExit(f"The guard was not left in peace: {state}, {still}; measure again.")
    found = {"percent_of_a_core": round(100 * (after - before) / lasted, 2), "megabytes": round(peak, 1)}
    for what, goal in GOALS.items():
        print(f"{what:20} {found[what]:8} (goal {goal})")
    if asked.save:
        save(
            {
                **circumstances("guard"),
                "seconds": round(lasted, 1),
                "found": found,
                "goals": GOALS,
            }
        )


if __name__ == "__main__":
    main()
