# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper doctor`: what the bucket gives the machine of a run, and how long the pending work will read."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path

from wrapper import exits
from wrapper.ask import Question, ask
from wrapper.playbook import Play
from wrapper.view import say

FACTS = ("first_byte_seconds", "one_bytes_per_second", "many_bytes_per_second", "pending_bytes", "pending_seconds")


def doctor(root: Path, asked: Namespace, player: Play | None = None) -> int:
    """Measure and tell; the exit code says whether S3 gave anything."""
    extravars = {
        "burst_runs_dir": str(asked.runs_dir.absolute()),
        **({"burst_run_id": asked.run} if asked.run else {}),
    }
    answer = ask(root, asked.inventory, Question("playbooks/doctor.yml", "mount_speed", extravars, False), player)
    if not answer.ok or "message" not in answer.result:
        say([f"wrapper: {answer.sentence or 'nothing was measured; try again with --debug'}"], sys.stderr)
        return exits.FAILED
    facts = {name: answer.result[name] for name in FACTS}
    say([json.dumps(facts, indent=2)] if asked.json else [str(answer.result["message"])], sys.stdout)
    return exits.DONE
