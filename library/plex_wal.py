#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_wal
short_description: Write the write-ahead logs of a stopped media server into its databases
description:
  - A server that ended well leaves no log; one that was killed leaves a C(-wal) file that belongs to the database, and
    whoever copies the database alone loses what is in it.
  - The databases must be in use by nobody. What cannot be written is said and left as it is; nothing is lost by that.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  directory:
    description: The directory of the databases.
    type: path
    required: true
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10.0
"""

EXAMPLES = r"""
- name: Write the logs into the databases
  plex_wal:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
"""

RETURN = r"""
written:
  description: Bytes that each log held and that are in the database now, by the name of the database.
  returned: success
  type: dict
  sample: {com.plexapp.plugins.library.db: 4120032}
left:
  description: Why a log was left as it is, one sentence per database.
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_db import BLOBS, LIBRARY, PlexDatabaseError, writing


def log_size(database: Path) -> int:
    """Bytes in the write-ahead log of a database, 0 when there is none."""
    log = database.with_name(database.name + "-wal")
    return log.stat().st_size if log.exists() else 0


def write(database: Path, timeout: float) -> None:
    """Empty the log into the database. Raises PlexDatabaseError when somebody uses it."""
    with writing(database, timeout) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise PlexDatabaseError(f"{database} is in use.")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    written: dict[str, int] = {}
    left: list[str] = []
    for name in (LIBRARY, BLOBS):
        database = Path(module.params["directory"]) / name
        size = log_size(database)
        if not size:
            continue
        try:
            if not module.check_mode:
                write(database, module.params["timeout"])
            written[name] = size
        except PlexDatabaseError as error:
            left.append(f"The write-ahead log of {name} stays beside it: {error}")
    module.exit_json(changed=bool(written), written=written, left=left)


if __name__ == "__main__":
    main()
