# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exit codes and the one exception that ends a command with a sentence."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
MAY_BE_RUNNING = 3
PARTIAL = 4
CANCELED = 130

EXPLANATION = """\
exit codes:
  0    done: everything asked for is at home and verified (with --keep the machine stays, as asked)
  1    failed, and torn down: nothing that was rented is left running
  2    bad usage or bad input, found before anything was rented
  3    a machine may still be running; the last lines give the exact command that removes it
  4    partial: what was analysed is at home and verified, the rest is not; torn down
  130  canceled (Ctrl-C, SIGTERM, closed terminal), and torn down"""


class InputError(Exception):
    """Bad input, caught before anything happened: what was given, what is allowed, the command that helps."""
