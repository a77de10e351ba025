"""How long Plex stands still while a mount of 456,534 files is repaired.

Needs the lab (script/lab up); the machine is the one of the mount's faults with the large library, which takes a
quarter of an hour to make. rclone is killed while the mount shows the times of the upload (`server`, the baseline: they
come with the listing), and while it shows those that an uploader stored (`metadata`: a request for each file). The
files of this bucket have the same times either way. All figures are seconds but the ratio and the memory, in MB:
*listed* until S3 has told all names, *dated* for the times, *still* from the freeze to the thaw.

python -m bench.large_repair [--repairs N] [--latency SECONDS] [--save]
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from bench.table import circumstances, median, save
from lab.plexsim.plexsim.large_library import TRACKS
from module_utils.guard_report import windows
from soak.mount_rig import Rig, rig, wait
from soak.named_faults import NAMED
from soak.provision import of_large

# More than the guard itself allows for a listing and a walk.
LONGEST = 3600.0


def one(machine: Rig, latency: float) -> dict[str, Any]:
    """Kill rclone and wait until Plex goes on."""
    machine.reset()
    machine.fault("s3_latency", True, seconds=latency)
    hit = time.time()
    machine.sh(NAMED["rclone killed"].do)
    wait(lambda: machine.status()["frozen"], True, 60, "Plex was not frozen")
    # The machine waits by itself: who asks through Docker again and again takes of the processors that are measured.
    events = machine.look("--until=healthy", f"--since={hit}", within=LONGEST)["events"]
    still = windows(events)
    at = {event["event"]: event["at"] for event in events}
    dated = sum(event.get("seconds", 0) for event in events if event["event"] == "times")
    told = [event["files"] for event in events if "files" in event]
    if [len(still), "thawed" in at, "not proved" in at] != [1, True, False] or told not in ([], [TRACKS]):
        raise SystemExit(f"This was no plain repair; the guard's log of it: {events}")
    rclone, guard = (
        int(machine.sh(f"grep VmHWM /proc/$(systemctl show -P MainPID {unit})/status").split()[1]) * 1024 / 1e6
        for unit in ("plex-burst-mount", "plex-burst-guard")
    )
    return {
        "frozen": round(at["frozen"] - hit, 2),
        "listed": round(at.get("times", at["proved"]) - dated - at["repair"], 1),
        "dated": round(dated, 1),
        "still": round(still[0]["to"] - still[0]["from"], 1),
        "rclone_megabytes": round(rclone),
        "guard_megabytes": round(guard, 1),
    }


def main() -> None:
    """Repair with either times and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repairs", type=int, default=3)
    parser.add_argument("--latency", type=float, default=0.015)
    parser.add_argument("--save", action="store_true")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {"server": [], "metadata": []}
    with rig(large=True) as machine:
        try:
            for modtime, repairs in found.items():
                machine.configure({**of_large(), "fuse_rclone_modtime": modtime}, "mount_and_guard")
                for _ in range(asked.repairs):
                    repairs.append(one(machine, asked.latency))
                    print(json.dumps({"modtime": modtime, **repairs[-1]}), flush=True)
        finally:
            machine.heal()
            machine.configure(of_large(), "mount_and_guard")
    rows = {
        modtime: {what: median([repair[what] for repair in repairs]) for what in repairs[0]}
        for modtime, repairs in found.items()
    }
    print(f"\n{'medians':10}" + "".join(f"{what:>18}" for what in rows["server"]))
    for modtime, row in rows.items():
        print(f"{modtime:10}" + "".join(f"{figure:18.2f}" for figure in row.values()))
    ratio = round(rows["metadata"]["still"] / rows["server"]["still"], 2)
    print(f"metadata stands still {ratio} times as long as server")
    if asked.save:
        save(
            {
                **circumstances("large_repair"),
                "files": TRACKS,
                "latency": asked.latency,
                "repairs": asked.repairs,
                "found": rows,
                "ratio": ratio,
            }
        )


if __name__ == "__main__":
    main()
