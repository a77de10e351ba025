#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_restored_folders
short_description: Find the folders of files that are marked as deleted although they are there
description:
  - A scan that met a sick mount marks files that it did not see. An ordinary scan does not take that back where a
    folder's modification time is the one it saw last, a forced one of the folder does.
  - Looks for each marked file of a library as the media server sees it, and names the folders of those that are there,
    at most O(most) of them, as deep in the tree as that allows.
  - Reads the library read-only and changes nothing; Plex may be running.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
options:
  section:
    description: The key of the library.
    type: int
    required: true
  container:
    description: The name of the server's container, through whose view the files are looked for.
    type: str
    default: plex
  most:
    description: So many folders at most. Where there are more, the folders above them are named, but never the root of
      a location.
    type: int
    default: 20
  patience:
    description: Seconds to look for the files; a mount that hangs fails the module then.
    type: float
    default: 300
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Find what a sick mount has left marked in the music library
  plex_restored_folders:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    section: 5
"""

RETURN = r"""
folders:
  description: The folders, as the server names them.
  returned: success
  type: list
  elements: str
  sample: [/media/Music/Aurora Lane/First Light]
files:
  description: How many marked files in them are there.
  returned: success
  type: int
  sample: 12
left:
  description: How many marked files are there, but in none of these folders.
  returned: success
  type: int
  sample: 0
message:
  description: What was found, in one sentence.
  returned: success
  type: str
  sample: 12 files are marked as deleted although they are there
locked:
  description: Whether it failed because another process holds the database; trying again is the cure.
  returned: always
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import bounded, plex_container, restored_folders
from ..module_utils.plex_db import LIBRARY, DatabaseLockedError, PlexDatabaseError, reading


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "section": {"type": "int", "required": True},
            "container": {"type": "str", "default": "plex"},
            "most": {"type": "int", "default": 20},
            "patience": {"type": "float", "default": 300.0},
            "timeout": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        with reading(Path(params["directory"]) / LIBRARY, params["timeout"]) as connection:
            marked, roots = restored_folders.marked(connection, params["section"])
    except PlexDatabaseError as error:
        module.fail_json(msg=str(error), locked=isinstance(error, DatabaseLockedError))
    server = plex_container.inspect(module.run_command, params["container"])
    if marked and not (server.running and server.pid):
        module.fail_json(
            msg=f"The container {params['container']} is {server.status}, so nobody can see the files as it does.",
            locked=False,
        )

    def look() -> bounded.Answer:
        seen = restored_folders.there(marked, f"/proc/{server.pid}/root")
        found = restored_folders.choose(seen, roots, params["most"])
        return {"folders": list(found.folders), "files": found.files, "left": found.left}

    answer = bounded.run(look, params["patience"])
    if failure := bounded.failure(answer):
        module.fail_json(msg=f"The files that are marked as deleted could not be looked for: {failure}.", locked=False)
    files, left = answer["files"], answer["left"]
    message = "no file is marked as deleted although it is there"
    if files or left:
        message = f"{files + left} files are marked as deleted although they are there"
    if left:
        message += f", {left} of them in no folder that a scan can be forced into"
    module.exit_json(changed=False, locked=False, message=message, **answer)


if __name__ == "__main__":
    main()
