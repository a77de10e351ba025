#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_check
short_description: Check that a pair of Plex databases is whole, is Plex's and belongs together
description:
  - Checks size against header, Plex's tables, SQLite's integrity check (with a stand-in for the collation that
    only Plex's build has), rows without their parent, the migrations of both files, and whether they are swapped.
  - Changes nothing; a write-ahead log beside a database is read along.
  - Full text indexes need Plex's own SQLite and are not judged here.
author: ["plex-burst maintainers"]
attributes:
  check_mode:
    description: Whether it can say what it would do without doing it.
    support: full
  diff_mode:
    description: Whether it shows what changes.
    support: none
  idempotent:
    description: Whether a second call changes nothing.
    support: full
options:
  directory:
    description: The directory C(Plug-in Support/Databases) with both databases.
    type: path
    required: true
  level:
    description:
      - V(full) compares every row with every index.
      - V(quick) checks pages and rows only, which is several times faster on a large library.
    type: str
    choices: [full, quick]
    default: full
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10
  fail:
    description: Whether problems fail the task.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Refuse a damaged library before Plex starts on it
  plex_db_check:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
"""

RETURN = r"""
ok:
  description: Whether no problem was found.
  returned: always
  type: bool
problems:
  description: One sentence per problem. Each names the file and says what to do.
  returned: always
  type: list
  elements: str
unchecked:
  description: Tables that this SQLite could not judge.
  returned: always
  type: list
  elements: str
locked:
  description: Whether another process holds a database; trying again is the cure.
  returned: always
  type: bool
migrations:
  description: Number of schema migrations per database.
  returned: always
  type: dict
  sample: {"library": 246, "blobs": 246}
pms_schema:
  description: How the schema spells dates, V(text_dates) up to about 1.40 and V(unix_dates) since.
  returned: always
  type: str
sections:
  description: The library sections.
  returned: always
  type: list
  elements: dict
  sample: [{"id": 5, "name": "Music", "type": "artist", "locations": ["/data/Music"]}]
orphans:
  description: Rows whose parent row is missing.
  returned: always
  type: dict
  sample: {"parts_without_item": 0, "items_without_metadata": 0}
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.integrity import check


def main() -> None:
    """Check the directory and report every problem at once."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "level": {"type": "str", "choices": ["full", "quick"], "default": "full"},
            "timeout": {"type": "float", "default": 10},
            "fail": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    findings = check(Path(options["directory"]), options["level"] == "quick", options["timeout"])
    result = {**asdict(findings), "ok": not findings.problems, "changed": False}
    if findings.problems and options["fail"]:
        module.fail_json(msg=" ".join(findings.problems), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
