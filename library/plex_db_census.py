#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_census
short_description: Count what a Plex library holds, per section
description:
  - Counts live and soft-deleted items per type, media parts, analysed tracks and sonic vectors of every section.
  - Reads both databases read-only with stock SQLite; Plex may be running.
  - A database that is locked or unreadable fails the task. It is never counted as zero.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  dest:
    description: File on the target to write the census to, as JSON. Not written when it already says the same.
    type: path
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Count the library before Plex touches it
  plex_db_census:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
  register: __plex_db_inject_census
"""

RETURN = r"""
census:
  description:
    - The counts. C(items) and C(deleted) map Plex's metadata types (8 artist, 9 album, 10 track, ...) to rows.
    - C(analysed) counts live tracks with Plex's mark, C(analysed_items) live rows of any type that carry it,
      C(blobs) sonic vectors that belong to the section.
    - C(highest_id) is the youngest row: M(plex_db_losses) tells by it what was there at the time.
    - C(unsectioned) counts live rows that belong to no section, such as playlists.
  returned: success
  type: dict
  sample:
    sections:
      - id: 5
        name: Music
        type: artist
        items: {"8": 2, "9": 3, "10": 9}
        deleted: {}
        analysed: 4
        analysed_items: 4
        parts: 9
        parts_deleted: 0
        blobs: 4
    unsectioned: {"15": 7}
    schema_migrations: 246
    vector_blobs: 4
    highest_id: 14
locked:
  description: Whether it failed because another process holds the database; trying again is the cure.
  returned: always
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.census import take
from ..module_utils.files import read_json, write_json
from ..module_utils.plex_db import DatabaseLockedError, PlexDatabaseError


def write(dest: str | None, census: object, check_mode: bool) -> bool:
    """Write the census where it was asked for; tell whether that changes the file."""
    if dest is None:
        return False
    path = Path(dest)
    same = read_json(path) == census
    if not same and not check_mode:
        write_json(path, census)
    return not same


def main() -> None:
    """Read the counts and hand them back."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "dest": {"type": "path"},
            "timeout": {"type": "float", "default": 10},
        },
        supports_check_mode=True,
    )
    try:
        census = take(Path(module.params["directory"]), module.params["timeout"])
        changed = write(module.params["dest"], census, module.check_mode)
    except PlexDatabaseError as error:
        module.fail_json(msg=str(error), locked=isinstance(error, DatabaseLockedError))
    except OSError as error:
        module.fail_json(msg=f"The census cannot be written: {error}.", locked=False)
    module.exit_json(changed=changed, census=census, locked=False)


if __name__ == "__main__":
    main()
