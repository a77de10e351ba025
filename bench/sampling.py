"""What one sample costs the target in processor time, and which share of the machine waiting for a phase takes.

Each way is a module as Ansible sends it (its payload, kept by Ansible itself), run by Python as on the target, with
every program it starts: `nothing` is ansible.builtin.ping, what Ansible costs alone; the others are plex_phase on a
library of the stand-in, beside a container. What Docker's daemon and SSH take on the way is not in it.

python -m bench.sampling [--tracks N] [--rounds N] [--save]     (the lab is up)
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.table import Measured, measured, report, save
from lab.control import settings
from lab.plexsim.plexsim.large_library import TRACKS, copy_of, pair

ROOT = Path(__file__).parents[1]
CONTAINER = "plex-burst-bench-sampling"
SECTION = 5
# The processors of each profile's machine, and the seconds between two samples there (group_vars, roles' defaults).
PROCESSORS = {"lite": 2, "standard": 3, "power": 8, "superpower": 16}
POLLS = {
    "scan": {"lite": 30, "standard": 20, "power": 10, "superpower": 10},
    "sonic": dict.fromkeys(PROCESSORS, 30),
}


def payload(place: Path, module: str, arguments: Mapping[str, Any]) -> Path:
    """The file that Ansible would send for a module."""
    home = place / module.rpartition(".")[2] / str(arguments.get("phase", ""))
    told = {"ansible_python_interpreter": sys.executable, "ansible_remote_tmp": str(home)}
    program = Path(sys.executable).with_name("ansible")
    asked = ["-m", module, *(["-a", json.dumps(arguments)] if arguments else []), "-e", json.dumps(told)]
    subprocess.run(
        [program, "localhost", "-i", "localhost,", "-c", "local", *asked],
        cwd=ROOT,
        env=os.environ | {"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        check=True,
        capture_output=True,
        timeout=300,
    )
    return next(home.rglob("AnsiballZ_*.py"))


def played(path: Path) -> Measured:
    """One run of a payload."""
    return measured(lambda: subprocess.run([sys.executable, str(path)], check=True, capture_output=True))


def ways(place: Path, databases: Path) -> dict[str, Path]:
    """The payloads to be compared, the baseline first."""
    (place / "samples").mkdir()
    found = {"nothing": payload(place, "ansible.builtin.ping", {})}
    for phase in POLLS:
        arguments = {
            "phase": phase,
            "container": CONTAINER,
            "config": str(place / "config"),
            "database_dir": str(databases),
            "section": SECTION,
            "samples": str(place / f"samples/{phase}.jsonl"),
            "thresholds": {"timeout_seconds": 0},
        }
        found[phase] = payload(place, "plex_phase", arguments)
    return found


def shares(result: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Percent of each profile's machine that waiting takes."""
    return {
        phase: {
            profile: round(100 * result["ways"][phase]["processor"] / polls[profile] / processors, 2)
            for profile, processors in PROCESSORS.items()
        }
        for phase, polls in POLLS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()
    # Any container will do: what is asked of it is its state and its processes.
    image = f"{settings.PUBLISHED_REGISTRY}/{settings.PLEX_IMAGE}"
    subprocess.run(["docker", "run", "--detach", "--rm", "--name", CONTAINER, image], check=True, capture_output=True)
    source = pair(options.tracks)
    runs: dict[str, list[Measured]] = {}
    try:
        with tempfile.TemporaryDirectory(dir=source.parent) as directory:
            place = Path(directory)
            databases = copy_of(source, place / "config/Databases")
            payloads = ways(place, databases)
            for _ in range(options.rounds):
                for way, path in payloads.items():
                    runs.setdefault(way, []).append(played(path))
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", CONTAINER], check=False, capture_output=True)
    result = report("sampling", runs, {}, {"tracks": options.tracks, "polls": POLLS})
    result["percent_of_the_machine"] = shares(result)
    print(json.dumps(result["percent_of_the_machine"], indent=1))
    if options.save:
        save(result)


if __name__ == "__main__":
    main()
