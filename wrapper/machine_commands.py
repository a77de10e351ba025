# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options of the commands that ask the provider or a machine; what they do is in machines.py and doctor.py."""

from __future__ import annotations

import argparse
from typing import Any

from wrapper import exits

MACHINE_COMMANDS = frozenset({"doctor", "ps", "reap", "estimate"})


def machine_commands(commands: Any) -> tuple[argparse.ArgumentParser, ...]:
    """The commands that need no ledger, only credentials."""
    ps = commands.add_parser(
        "ps",
        help="list the machines of all runs",
        description="List what all runs have at the provider: age, EUR so far, heartbeat. No ledger is needed.",
    )
    reap = commands.add_parser(
        "reap",
        help="remove forgotten machines",
        description=(
            "Remove every machine past its end, and what belonged to it, with nothing but credentials. A machine is "
            "marked by one call and removed by a later one, unless it was heard of in between. Made for a timer."
        ),
        epilog=exits.EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reap.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    reap.add_argument(
        "--grace", type=int, metavar="MINUTES", help="between the mark and the removal (default: 15; 0: at once)"
    )
    estimate = commands.add_parser(
        "estimate",
        help="say what a run costs",
        description="Say what the machine of a profile costs, from the provider's price list; volume and address too.",
    )
    estimate.add_argument("--instance", metavar="lite|standard|power|superpower", help="profile of the machine")
    estimate.add_argument("--hours", type=float, default=6.0, help="how long the run takes (default: %(default)g)")
    for command in (ps, reap, estimate):
        command.add_argument(
            "--inventory", default="scaleway", metavar="lab|scaleway|PATH", help="whose provider (default: scaleway)"
        )
    doctor = commands.add_parser(
        "doctor",
        help="measure what the bucket gives the machine of a run",
        description=(
            "Read real files of the bucket on the machine of an open run, one and then several at once, and forecast "
            "how long the pending work will read. Nothing is changed; the bucket has to be mounted."
        ),
    )
    doctor.add_argument("run", nargs="?", metavar="RUN", help="run id (default: the only open run)")
    doctor.add_argument("--inventory", required=True, metavar="lab|scaleway|local|PATH", help="where the run happens")
    return ps, reap, estimate, doctor
