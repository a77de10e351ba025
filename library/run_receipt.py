#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: run_receipt
short_description: Verify what came home from a run and write its receipt
description:
  - Runs on the controller. Compares size and sha256 of the databases that arrived with what was sent, opens and
    checks them, and compares their census with the one taken before Plex touched the library.
  - Adds what the stages left in the run directory, how the library arrived (C(arrival.json)) and how long they took
    (C(ledger.json)); what is not there is not said.
  - Writes C(receipt.json) into the run directory in any case, and fails when the verdict is V(damaged) or V(lost).
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  run_dir:
    description: The run directory; its name is the run id.
    type: path
    required: true
  export_dir:
    description: Directory with the databases that came home. By default C(export) in the run directory.
    type: path
  baseline:
    description: Census from before, as a JSON file. By default C(baseline.json) in the run directory.
    type: path
  manifest:
    description: The list C(files) that P(plex_db_snapshot#module) returned where the databases were copied.
    type: list
    elements: dict
    required: true
  sections:
    description: Names of the sections the run worked on. Empty means all but photos.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Write the receipt
  run_receipt:
    run_dir: .runs/20261122T120000Z-1a2b
    manifest: "{{ __plex_db_export_snapshot.files }}"
    sections: [Music]
"""

RETURN = r"""
receipt:
  description:
    - The receipt. C(verdict) is V(done), V(partial) (nothing lost, tracks still to be analysed), V(lost) or V(damaged).
    - C(breaker) says of every section that lost something whether that passes the limit.
    - C(arrival), C(drift), C(versions), C(trash) and C(seconds) per stage come from what the stages left behind.
    - C(sentences) say the same to a person.
  returned: always
  type: dict
  sample:
    run_id: 20261122T120000Z-1a2b
    verdict: done
    analysed_gained: 38
    lost_items: 0
    marked_items: 0
    disturbed: []
    sentences: ["Music: 62 of 62 tracks analysed (+38).", "Movies: untouched."]
path:
  description: Where the receipt was written.
  returned: always
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.files import read_json, write_json
from ..module_utils.receipt import DAMAGED, LOST, build

WRITTEN_AT = "written_at"


def same(old: Any, new: dict[str, Any]) -> bool:
    """Whether two receipts say the same, whenever they were written."""
    return isinstance(old, dict) and {**old, WRITTEN_AT: ""} == {**new, WRITTEN_AT: ""}


def main() -> None:
    """Judge what arrived and write it down."""
    module = AnsibleModule(
        argument_spec={
            "run_dir": {"type": "path", "required": True},
            "export_dir": {"type": "path"},
            "baseline": {"type": "path"},
            "manifest": {"type": "list", "elements": "dict", "required": True},
            "sections": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    run_dir = Path(module.params["run_dir"])
    baseline_path = Path(module.params["baseline"] or run_dir / "baseline.json")
    baseline = read_json(baseline_path)
    if not isinstance(baseline, dict) or "sections" not in baseline:
        module.fail_json(
            msg=f"{baseline_path} holds no census: the stage restore writes it before Plex starts; run that first."
        )
    export_dir = Path(module.params["export_dir"] or run_dir / "export")
    files, sections = module.params["manifest"], module.params["sections"]
    receipt = build(run_dir.name, export_dir, files, baseline, sections, run_dir=run_dir)
    path = run_dir / "receipt.json"
    old = read_json(path)
    changed = not same(old, receipt)
    try:
        if changed and not module.check_mode:
            write_json(path, receipt)
    except OSError as error:
        module.fail_json(msg=f"The receipt cannot be written to {path}: {error}.", receipt=receipt)
    result = {"changed": changed, "receipt": receipt if changed else old, "path": str(path)}
    if receipt["verdict"] in {DAMAGED, LOST}:
        module.fail_json(msg=f"{' '.join(receipt['sentences'])} See {path}.", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
