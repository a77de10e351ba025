#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_losses
short_description: Say what a Plex library has lost since a census, and whether it is too much
description:
  - Looks what became of the rows that a census knew. One that is soft-deleted or gone is lost; what was added since
    does not make up for it. Albums, artists and other parents do not count, because scans regroup them.
  - A section has lost too much when its lost items, or its newly soft-deleted files, are more than the larger of
    O(at_least) and O(percent) of what it had.
  - Reads the library read-only; Plex may be running. It judges and fails on nothing but a library it cannot read.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  before:
    description: The census to compare with, as M(plex_db_census) returns it.
    type: dict
    required: true
  at_least:
    description: So many may be lost in any section.
    type: int
    default: 20
  percent:
    description: This share of what a section had may be lost.
    type: float
    default: 1.0
  titles:
    description: How many titles to name per section that has lost too much.
    type: int
    default: 10
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Look what the scan has cost
  plex_db_losses:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    before: "{{ lookup('ansible.builtin.file', plex_db_export_run_dir ~ '/baseline.json') | from_json }}"
"""

RETURN = r"""
passes:
  description: Whether a section has lost more than is allowed. Then nothing may empty the trash.
  returned: success
  type: bool
message:
  description: One sentence about the sections that have lost too much, else how much was lost in all.
  returned: success
  type: str
  sample: 'Music lost 221 of 224 items (221 soft-deleted, 0 removed), where 20 are allowed: Song (/media/a.flac)'
sections:
  description: What each section of the census has lost.
  returned: success
  type: list
  elements: dict
  sample: [{"id": 5, "name": "Music", "total": 9, "lost": 0, "soft_deleted": 0, "removed": 0, "passes": false}]
locked:
  description: Whether it failed because another process holds the database; trying again is the cure.
  returned: always
  type: bool
"""

from dataclasses import asdict, replace
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.losses import judge, read, titles
from ..module_utils.plex_db import LIBRARY, DatabaseLockedError, PlexDatabaseError, reading


def main() -> None:
    """Compare the library with the census."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "before": {"type": "dict", "required": True},
            "at_least": {"type": "int", "default": 20},
            "percent": {"type": "float", "default": 1.0},
            "titles": {"type": "int", "default": 10},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    before, limits = module.params["before"], (module.params["at_least"], module.params["percent"])
    if not isinstance(before.get("sections"), list):
        module.fail_json(msg="before is no census: give what plex_db_census returned as census.", locked=False)
    try:
        with reading(Path(module.params["directory"]) / LIBRARY, module.params["timeout"]) as connection:
            losses = judge(before, read(connection, before), *limits)
            losses = [
                replace(loss, titles=titles(connection, loss.id, before, module.params["titles"]))
                if loss.passes
                else loss
                for loss in losses
            ]
    except PlexDatabaseError as error:
        module.fail_json(msg=str(error), locked=isinstance(error, DatabaseLockedError))
    broken = [loss.sentence(*limits) for loss in losses if loss.passes]
    module.exit_json(
        changed=False,
        locked=False,
        passes=bool(broken),
        message="; ".join(broken) or f"{sum(loss.lost for loss in losses)} items lost, which is allowed",
        sections=[asdict(loss) for loss in losses],
    )


if __name__ == "__main__":
    main()
