# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Exit codes and the one exception that ends a command with a sentence."""

from __future__ import annotations

DONE = 0
FAILED = 1
USAGE = 2
MAY_BE_RUNNING = 3
PARTIAL = 4
STALLED = 5
TIMED_OUT = 6
REFUSED = 7
CAPPED = 8
MOUNT_LOST = 9
CANCELED = 130

EXPLANATION = """\
exit codes:
  0    done: everything asked for is at home and verified (with --keep the machine stays, as asked)
  1    failed, and torn down: nothing that was rented is left running
  2    bad usage or bad input, found before anything was rented
  3    a machine may still be running; the last lines give the exact command that removes it
  4    partial: what was analysed is at home and verified, the rest is not; torn down
  5    stalled: as 4, but Plex stopped moving, also after its task and its server were started again
  6    timed out: as 4, but the patience for a phase was used up
  7    refused: no Plex Pass on the account, so no Sonic analysis; what was scanned is at home; torn down
  8    capped: as 4, but the time that may be paid for was used up (before the scan: nothing is at home)
  9    mount lost: as 4, but the bucket could not be read any more and Plex stayed frozen
  130  canceled (Ctrl-C, SIGTERM, closed terminal), and torn down"""

# The code for each word that a run can end with.
BY_VERDICT = {
    "done": DONE,
    "failed": FAILED,
    "partial": PARTIAL,
    "stalled": STALLED,
    "timed_out": TIMED_OUT,
    "refused": REFUSED,
    "capped": CAPPED,
    "mount_lost": MOUNT_LOST,
    "canceled": CANCELED,
}


class InputError(Exception):
    """Bad input, caught before anything happened: what was given, what is allowed, the command that helps."""
