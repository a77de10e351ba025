# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/cli.md, made from the parser itself: `python -m wrapper.reference > docs/cli.md`."""

from __future__ import annotations

import argparse
import os
import sys

from wrapper.cli import parser

HEADER = """\
# The command line

Made from the help texts by `python -m wrapper.reference > docs/cli.md`; a test checks that it has not drifted.
"""
WIDTH = "100"


def reference() -> str:
    """The help of every command, as one document that does not depend on the terminal."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        top = parser()
        sections = [_section(top), *map(_section, _commands(top))]
    finally:
        os.environ.pop("COLUMNS")
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join([HEADER, *sections])


def _commands(top: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    actions = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - no public way
    return [command for action in actions for command in action.choices.values()]


def _section(command: argparse.ArgumentParser) -> str:
    return f"## {command.prog}\n\n```text\n{command.format_help().rstrip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
