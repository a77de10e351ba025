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
  - Full text indexes and the order of ICU indexes need Plex's own SQLite. It is asked when O(image) names an image
    that holds it; where it cannot be run, RV(plex_sqlite) says why.
  - Compares the version of Plex that is to be rented with home's when O(plex_version) is given.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  level:
    description:
      - V(full) compares every row with every index.
      - V(quick) checks pages, rows and the number of entries of each index, several times faster on a large library.
      - V(outline) looks at headers, tables, migrations and sections only, for files whose checksums are known.
    type: str
    choices: [full, quick, outline]
    default: full
  image:
    description: Docker image with C(Plex SQLite) in it, already on this machine. Empty asks no Plex SQLite.
    type: str
    default: ""
  plex_version:
    description: Version of the Plex that will work on this library. Empty compares nothing.
    type: str
    default: ""
  home_version:
    description: Version of Plex at home. Empty lets the newest migration say between which versions it lies.
    type: str
    default: ""
  allow_newer:
    description: Whether a Plex newer than home's may work on the library; it comes back for that newer one only.
    type: bool
    default: false
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
newest_migration:
  description: Version of the library's newest dated migration.
  returned: always
  type: str
  sample: "202608120900"
plex_sqlite:
  description:
    What Plex's own SQLite says; C(state) is V(ok), V(damaged), V(absent) (C(why) says why) or V(not asked).
    C(warnings) are of full text indexes, whose damage loses no row.
  returned: always
  type: dict
  sample: {"state": "ok", "problems": [], "warnings": [], "why": ""}
parity:
  description: How the rented Plex compares with home's; V(same), V(older), V(newer), V(too_old) or V(unknown).
  returned: always
  type: dict
  sample: {"state": "same", "sentence": ""}
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
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.integrity import OUTLINE, QUICK, Findings, check
from ..module_utils.plex_db import LIBRARY, PlexDatabaseError, migrations, reading
from ..module_utils.plex_sqlite import full_check
from ..module_utils.version_parity import NEWER, parity


def compared(options: dict[str, Any], findings: Findings) -> dict[str, str]:
    """Compare versions of Plex; a refusal becomes a problem like any other."""
    if not options["plex_version"] or findings.problems:
        return {"state": "unknown", "sentence": ""}
    try:
        with reading(Path(options["directory"]) / LIBRARY, options["timeout"]) as connection:
            found = parity(options["plex_version"], migrations(connection), options["home_version"])
    except PlexDatabaseError as error:
        findings.problems.append(str(error))
        return {"state": "unknown", "sentence": ""}
    if found.refused and not (found.state == NEWER and options["allow_newer"]):
        findings.problems.append(found.sentence)
    return asdict(found)


def asked(options: dict[str, Any], findings: Findings) -> dict[str, Any]:
    """Ask Plex's own SQLite, when there is anything left to ask."""
    if not options["image"] or findings.problems:
        return {"state": "not asked", "problems": [], "warnings": [], "why": ""}
    found = full_check(Path(options["directory"]), options["image"])
    findings.problems += found.problems
    return asdict(found)


def main() -> None:
    """Check the directory and report every problem at once."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "level": {"type": "str", "choices": ["full", "quick", "outline"], "default": "full"},
            "image": {"type": "str", "default": ""},
            "plex_version": {"type": "str", "default": ""},
            "home_version": {"type": "str", "default": ""},
            "allow_newer": {"type": "bool", "default": False},
            "timeout": {"type": "float", "default": 10},
            "fail": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    findings = check(
        Path(options["directory"]),
        options["level"] == QUICK,
        options["timeout"],
        outline=options["level"] == OUTLINE,
    )
    plex_sqlite, versions = asked(options, findings), compared(options, findings)
    result = {**asdict(findings), "plex_sqlite": plex_sqlite, "parity": versions}
    result |= {"ok": not findings.problems, "changed": False}
    if findings.problems and options["fail"]:
        module.fail_json(msg=" ".join(findings.problems), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
