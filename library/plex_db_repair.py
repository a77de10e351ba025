#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_repair
short_description: Salvage the rows of damaged Plex databases into new ones
description:
  - Checks both databases of a directory in full and leaves sound ones alone. Out of a damaged one every row that can
    still be read is copied into a new database, with a count of each table before and after.
  - Refuses, and changes nothing, when rows of the library would be lost, unless O(accept_loss) says otherwise. How many
    rows there were is known from the indexes, which are often whole where a table is not.
  - The damaged originals are kept beside the new ones. Plex must not be running.
  - An index in ICU order can be made by Plex's own SQLite only; it is left out, and RV(databases) gives the statement
    that makes it again (C(left_out)). Plex works without it.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  accept_loss:
    description: Whether rows of the library may be lost.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Repair the library that came out of the archive
  plex_db_repair:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
"""

RETURN = r"""
problems:
  description: What was damaged, one sentence each.
  returned: success
  type: list
  elements: str
databases:
  description: For each salvaged database its tables (rows C(expected), C(found), C(lost)) and what was C(left_out).
  returned: success
  type: dict
  sample:
    com.plexapp.plugins.library.db:
      tables: {"media_parts": {"expected": 15, "found": 15, "lost": 0, "damaged_ranges": 0}}
      left_out: ["CREATE INDEX index_title_sort_icu ON metadata_items (title_sort COLLATE icu_root)"]
      with_log: false
lost:
  description: Rows lost per table of the library; null where nobody can tell how many.
  returned: success
  type: dict
  sample: {"metadata_items": 12}
kept:
  description: Directory with the damaged originals, empty when nothing was changed.
  returned: success
  type: str
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_db import PlexDatabaseError
from ..module_utils.repair import repair


def main() -> None:
    """Repair, or refuse in one sentence."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "accept_loss": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    try:
        done = repair(directory, module.params["accept_loss"], module.check_mode)
    except PlexDatabaseError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{directory} cannot be repaired: {error}.")
    module.exit_json(**asdict(done))


if __name__ == "__main__":
    main()
