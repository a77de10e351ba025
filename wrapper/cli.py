# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line. Everything heavy is imported by the command that needs it: `--help` takes no time."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from wrapper import exits
from wrapper.archive_commands import ARCHIVE_COMMANDS, archive_commands, perform
from wrapper.machine_commands import MACHINE_COMMANDS, machine_commands

ROOT = Path(__file__).resolve().parents[1]

DESCRIPTION = """\
Rent a strong machine, let Plex scan and analyse your S3 library there, bring the
enriched database home, verify it, give the machine back."""

RUN_EXAMPLES = """\
examples:
  wrapper run --inventory lab --section Music
  wrapper run --inventory scaleway --instance superpower --archive library.tar.gz \\
              --path-mappings path_mappings.json --section Music --section "Jazz & Blues"
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence and the command that helps."""

    def error(self, message: str) -> NoReturn:
        """End with one sentence and exit code 2."""
        self.exit(exits.USAGE, f"wrapper: {message}. See: {self.prog} --help\n")


def parser() -> Parser:
    """The whole command line."""
    top = Parser(
        prog="wrapper",
        description=DESCRIPTION,
        epilog=exits.EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    _run(
        commands.add_parser(
            "run",
            help="do a whole run",
            description="Do a whole run: rent, mount, restore, scan, analyse, export, give back.",
            epilog=f"{RUN_EXAMPLES}\n{exits.EXPLANATION}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    destroy = commands.add_parser(
        "destroy",
        help="remove the machine of a run",
        description=(
            "Remove the machine of a run, with proof: after a kill, a failed teardown or --keep. "
            "A second time does no harm."
        ),
    )
    destroy.add_argument("run", nargs="?", metavar="RUN", help="run id or its beginning (default: the only open run)")
    destroy.add_argument(
        "--inventory",
        metavar="lab|scaleway|PATH",
        help="where the run's machine is, when the run's directory is lost: then it is found by its tag",
    )
    runs = commands.add_parser("runs", help="list the runs", description="List the runs: state, verdict, machine.")
    show = commands.add_parser(
        "show", help="show one run", description="Show one run: stages, results, receipt, machine."
    )
    show.add_argument("run", nargs="?", metavar="RUN", help="run id or its beginning (default: the last run)")
    for command in (runs, show, *archive_commands(commands), *machine_commands(commands)):
        command.add_argument("--json", action="store_true", help="print JSON")
    for command in commands.choices.values():
        command.add_argument(
            "--runs-dir",
            type=Path,
            default=ROOT / ".runs",
            metavar="PATH",
            help="where the runs are kept (default: .runs in the repository)",
        )
        command.add_argument(
            "--debug", action="store_true", help="show traces, and let Ansible say more in its own output"
        )
    return top


def _run(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    where = "where the run happens (default: scaleway)"
    add("--inventory", default="scaleway", metavar="lab|scaleway|local|PATH", help=where)
    add(
        "--section",
        action="append",
        default=[],
        metavar="NAME",
        help="a Plex library to work on; repeatable (default: all but photo libraries)",
    )
    add(
        "--instance",
        metavar="lite|standard|power|superpower",
        help="profile of the machine: type, disk, limits (default: as group_vars/all says)",
    )
    add(
        "--monitoring",
        metavar="local|cloud",
        help="patience: timeouts, intervals, thresholds (default: cloud if the inventory rents, else local)",
    )
    add("--archive", type=Path, metavar="PATH", help="archive of the home library: both Plex databases")
    add("--libraries", type=Path, metavar="PATH", help="instead of --archive: JSON file with libraries to make")
    add("--path-mappings", type=Path, metavar="PATH", help='JSON file {"mappings": {"/old/path": "/new/path"}}')
    add(
        "--force-refresh",
        action="store_true",
        help="refresh all metadata before the analysis; takes hours on a big library",
    )
    add(
        "--force-deep-scan",
        action="store_true",
        help="scan every folder and refresh all metadata; takes hours on a big library",
    )
    add("--empty-trash", action="store_true", help="remove what is marked as deleted, if Plex itself finds it gone")
    add(
        "--keep",
        action="store_true",
        help="leave the machine after success or failure and say how to destroy it (Ctrl-C still removes it)",
    )
    add(
        "--max-eur",
        type=float,
        metavar="EUR",
        help="refuse a machine whose first hour costs more, and bring home what is done before so much is spent",
    )
    add("--dry-run", action="store_true", help="check the input, print the plan, do nothing")
    add(
        "--json",
        action="store_true",
        help="print the whole result as JSON at the end; progress goes to standard error",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, dispatch, and turn what went wrong into a sentence and an exit code."""
    asked = parser().parse_args(arguments)
    try:
        return _dispatch(asked)
    except exits.InputError as refusal:
        return _refused(str(refusal), asked)
    except KeyboardInterrupt:
        # Only before a run begins: from then on signals are counted, not raised.
        return _refused("canceled before anything was rented", asked, exits.CANCELED)
    except Exception as error:
        from module_utils.ledger import LedgerError

        if not isinstance(error, LedgerError | OSError):
            raise
        return _refused(str(error), asked)


def _dispatch(asked: argparse.Namespace) -> int:
    # Each command imports its own machinery: see the module's docstring.
    if asked.command == "run":
        from wrapper import run
        from wrapper.plan import plan
        from wrapper.view import say

        planned = plan(asked, ROOT)
        if asked.dry_run:
            say(run.describe(planned), sys.stdout)
            return exits.DONE
        return run.run(planned, as_json=asked.json, verbosity=2 if asked.debug else 0)
    if asked.command == "destroy":
        from wrapper.destroy import destroy

        return destroy(ROOT, asked.runs_dir, asked.run, rented_from=asked.inventory)
    if asked.command in MACHINE_COMMANDS:
        from wrapper import machines

        return int(getattr(machines, asked.command)(ROOT, asked))
    if asked.command in ARCHIVE_COMMANDS:
        return perform(asked)
    from wrapper import runs

    given = (asked.run,) if asked.command == "show" else ()
    tell = runs.show if given else runs.list_runs
    return tell(asked.runs_dir, *given, as_json=asked.json)


def _refused(sentence: str, asked: argparse.Namespace, code: int = exits.USAGE) -> int:
    if asked.debug:
        traceback.print_exc()
    print(f"wrapper: {sentence}", file=sys.stderr)
    return code
