"""The command line of the lab (script/lab)."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys

from . import bill, faults, images, lifecycle, machine, status
from .errors import LabError


def say(text: str) -> None:
    """Tell what happens; on stderr, so that --json output stays alone on stdout."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no machine name: a-z, 0-9 and dashes, at most 41.")
    return text


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="script/lab", description="Stand-ins for S3, Scaleway and Plex, all local.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="build and start what is missing")
    down = commands.add_parser("down", help="remove machines, services, network, volumes, run state")
    down.add_argument("--purge", action="store_true", help="also images, media and caches")
    show = commands.add_parser("status", help="show services and what is rented")
    show.add_argument("--json", action="store_true", help="for programs")
    costs = commands.add_parser("bill", help="show what was rented has cost, by run")
    costs.add_argument("--json", action="store_true", help="for programs")
    by_hand = commands.add_parser("machine", help="a bare machine without the cloud's API (molecule uses it)")
    by_hand.add_argument("state", choices=("up", "down"))
    by_hand.add_argument("name", type=_name)
    fault = commands.add_parser("fault", help="switch a fault of a stand-in on or off, or show them all")
    fault.add_argument("name", nargs="?", help="its name, as --list shows it")
    fault.add_argument("state", nargs="?", choices=("on", "off"), help="without it: show the fault")
    fault.add_argument("parameters", nargs="*", help="name=value, for a fault that has parameters")
    fault.add_argument("--list", action="store_true", help="show every fault of everything that runs now")
    return top


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked."""
    if arguments.command == "up":
        lifecycle.up(say)
    elif arguments.command == "down":
        lifecycle.down(say, purge=arguments.purge)
    elif arguments.command == "status":
        state = status.read()
        print(json.dumps(state, indent=1) if arguments.json else "\n".join(status.lines(state)))
        if "problem" in state:
            raise LabError(state["problem"])
    elif arguments.command == "bill":
        told = bill.read()
        print(json.dumps(told, indent=1) if arguments.json else "\n".join(bill.lines(told)))
    elif arguments.command == "fault":
        if bool(arguments.name) == arguments.list:
            raise LabError("Name one fault, or ask for all: script/lab fault NAME [on|off], script/lab fault --list.")
        found = faults.desks()
        shown = (
            faults.listing(found)
            if arguments.list
            else faults.switch(found, arguments.name, arguments.state, arguments.parameters)
        )
        print("\n".join(shown))
    elif arguments.state == "up":
        print(json.dumps(machine.up(arguments.name, images.ensure_image("machine", say))))
    else:
        machine.down(arguments.name)


def main() -> None:
    """Entry point: failures are one sentence and exit code 1."""
    arguments = parser().parse_args()
    try:
        run(arguments)
    except (LabError, subprocess.TimeoutExpired) as error:
        sys.exit(f"lab: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
