#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: run_ledger
short_description: Create, find, extend or close the ledger of a run
description:
  - The ledger is the file C(ledger.json) in the run directory. It says what the run did and what it owns,
    so that a machine can be removed by whoever comes later.
  - The module runs on the controller. It writes atomically and under a lock.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
attributes:
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: [Without O(run_id), O(state=present) makes a new run each time.]
options:
  runs_dir:
    description: The directory that holds one directory per run.
    type: path
    required: true
  run_id:
    description:
      - The run, as C(20260822T100000Z-0a1b).
      - Without it O(state=present) makes a new one, the other states take the only run that is not closed.
    type: str
  state:
    description:
      - V(present) creates the run when it is missing.
      - V(found) only reads, and fails when there is no such run.
      - V(closed) marks the run as over. It is refused while the run's machine may still be running.
    type: str
    choices: [present, found, closed]
    default: present
  merge:
    description: Facts to merge in. Dictionaries merge recursively, lists and values are replaced.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Start a run
  run_ledger:
    runs_dir: .runs
    merge:
      inventory: lab
      profile: superpower

- name: Find the only open run
  run_ledger:
    runs_dir: .runs
    state: found
"""

RETURN = r"""
run_id:
  description: The run.
  returned: success
  type: str
  sample: 20260822T100000Z-0a1b
run_dir:
  description: The directory of the run.
  returned: success
  type: str
  sample: .runs/20260822T100000Z-0a1b
ledger:
  description: The whole ledger, after the merge.
  returned: success
  type: dict
"""

import copy
import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import ledger as ledgers


def chosen_run(runs_dir: str, run_id: str | None) -> str:
    """The run that was named, else the only open one."""
    if run_id:
        return ledgers.checked_run_id(run_id)
    known = [ledger["run_id"] for ledger in ledgers.open_runs(runs_dir)]
    if len(known) == 1:
        return str(known[0])
    if not known:
        raise ledgers.LedgerError(f"There is no open run in {runs_dir}; start one, or name a closed one with run_id.")
    raise ledgers.LedgerError(f"{runs_dir} has {len(known)} open runs, name one with run_id: {', '.join(known)}.")


def ensure_present(runs_dir: str, run_id: str, check_mode: bool) -> dict[str, Any] | None:
    """Create the run if it is missing; the ledger from before, None when there was none."""
    run_dir = Path(runs_dir) / run_id
    if (run_dir / ledgers.LEDGER_NAME).exists():
        return ledgers.read(run_dir)
    if not check_mode:
        ledgers.create(runs_dir, run_id)
    return None


def apply(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do what was asked and return the module's result."""
    runs_dir: str = params["runs_dir"]
    changes: dict[str, Any] = copy.deepcopy(params["merge"])
    before: dict[str, Any] | None
    if params["state"] == "present":
        run_id = ledgers.checked_run_id(params["run_id"] or ledgers.new_run_id(datetime.now(UTC), secrets.token_hex(2)))
        before = ensure_present(runs_dir, run_id, check_mode)
    else:
        run_id = chosen_run(runs_dir, params["run_id"])
        before = ledgers.read(Path(runs_dir) / run_id)
    run_dir = Path(runs_dir) / run_id
    if params["state"] == "closed":
        changes["state"] = "closed"
        if ledgers.may_be_running(ledgers.merged(before or {"machine": {}}, changes)):
            raise ledgers.LedgerError(
                f'The machine of run {run_id} may still be running; "wrapper destroy {run_id}" removes it.'
            )
    if check_mode:
        after = ledgers.merged(before or {"run_id": run_id, "machine": {}}, changes)
    else:
        after = ledgers.merge(run_dir, changes)
    return {
        "changed": after != before,
        "run_id": run_id,
        "run_dir": str(run_dir),
        "ledger": after,
        "diff": {
            "before": json.dumps(before, indent=2) if before else "",
            "after": json.dumps(after, indent=2),
            "before_header": ledgers.LEDGER_NAME,
            "after_header": ledgers.LEDGER_NAME,
        },
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "runs_dir": {"type": "path", "required": True},
            "run_id": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "found", "closed"], "default": "present"},
            "merge": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    try:
        result = apply(module.params, module.check_mode)
    except ledgers.LedgerError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
