#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_remap
short_description: Move the paths in a Plex library to where the media lie on this machine
description:
  - Applies the rules of a C(path_mappings.json) on path boundaries. The longest rule wins and each value is moved
    once, so that swaps and chains of rules work.
  - Changes section locations, media parts, C(file://) URLs of streams, C(file://) guids of items with the watch
    states under them, and the names of directories when a rule renames inside a location.
  - Changes a copy, whose census and schema must agree with the library's, and puts it in the library's place; the
    library becomes the backup. Killed at any moment, the old library is there or the new one. Plex must be stopped,
    and nobody else may have the library open.
  - Refuses rules that nobody uses, that move two paths onto one, or that move a directory out of its section.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  mappings:
    description: 'The mappings file, C({"mappings": {"/old": "/new"}}). Keys that begin with C(_) are comments.'
    type: path
    required: true
  backup_dir:
    description: Directory for the backup. By default C(backups) beside the databases.
    type: path
"""

EXAMPLES = r"""
- name: Move the library to the mount
  plex_db_remap:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    mappings: /srv/plex-burst/inject/path_mappings.json
    backup_dir: /srv/plex-burst/inject/backups
"""

RETURN = r"""
backup:
  description: The backup that was made, empty when nothing had to be changed.
  returned: success
  type: str
  sample: /srv/plex-burst/inject/backups/com.plexapp.plugins.library.db.20261122T120000000000Z.before-remap
counts:
  description: Rows that were (in check mode would be) changed, per table.
  returned: success
  type: dict
  sample: {"section_locations": 4, "media_parts": 63, "media_streams": 0, "directories": 1}
samples:
  description: A few changes.
  returned: success
  type: list
  elements: dict
  sample: [{"table": "media_parts", "before": "/volume1/Media/a.flac", "after": "/media/library/a.flac"}]
unused:
  description: Rules that changed nothing because the library is already as they want it.
  returned: success
  type: list
  elements: str
census_before:
  description: Items and parts per section before the change, empty when nothing had to be changed.
  returned: success
  type: dict
census_after:
  description: Items and parts per section after the change. They are the same, else it was rolled back.
  returned: success
  type: dict
locked:
  description: Whether it failed because another process holds the database.
  returned: always
  type: bool
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.path_mapping import MappingError, load
from ..module_utils.plex_db import DatabaseLockedError, PlexDatabaseError
from ..module_utils.remap import remap
from ..module_utils.remap_plan import RemapError


def main() -> None:
    """Apply the rules, or say in check mode what they would do."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "mappings": {"type": "path", "required": True},
            "backup_dir": {"type": "path"},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    backup_dir = Path(module.params["backup_dir"] or directory / "backups")
    try:
        outcome = remap(directory, load(Path(module.params["mappings"])), backup_dir, module.check_mode)
    except (MappingError, RemapError) as error:
        module.fail_json(msg=str(error), locked=False)
    except PlexDatabaseError as error:
        module.fail_json(msg=str(error), locked=isinstance(error, DatabaseLockedError))
    except OSError as error:
        module.fail_json(msg=f"The paths cannot be moved: {error}.", locked=False)
    module.exit_json(**asdict(outcome), locked=False)


if __name__ == "__main__":
    main()
