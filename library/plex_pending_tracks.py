#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_pending_tracks
short_description: List the tracks of a section that have no Sonic analysis, by path, and why
description:
  - Reads both databases, read-only, and looks at the first byte of each file that lacks its analysis.
  - The reason is what can be seen from outside. The server itself does not say why it left a track out.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  database_dir:
    description: The directory of the databases.
    type: path
    required: true
  section:
    description: The key of the library.
    type: int
    required: true
  roots:
    description: Directories of the container and where this machine has them, so that the files can be looked at.
    type: dict
    default: {}
  dest:
    description: A JSON file for the whole list, one object per track. Without it nothing is written.
    type: path
"""

EXAMPLES = r"""
- name: List what Plex could not analyse
  plex_pending_tracks:
    database_dir: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    section: 5
    roots: {/media: /srv/plex-burst/mnt}
    dest: /srv/plex-burst/samples/pending-5.json
"""

RETURN = r"""
pending:
  description: How many tracks have no analysis.
  returned: success
  type: int
sentences:
  description: How many and why, then the first of them by path.
  returned: success
  type: list
  elements: str
  sample: ["2 tracks have no analysis: 2 because the file is empty", "/media/library/Music/a.flac: the file is empty"]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.files import read_json, write_json
from ..module_utils.pending_tracks import as_rows, pending_tracks, sentences
from ..module_utils.plex_db import PlexDatabaseError


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "database_dir": {"type": "path", "required": True},
            "section": {"type": "int", "required": True},
            "roots": {"type": "dict", "default": {}},
            "dest": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    changed = False
    try:
        tracks = pending_tracks(params["database_dir"], params["section"], params["roots"])
        if params["dest"]:
            path, rows = Path(params["dest"]), as_rows(tracks)
            changed = read_json(path) != rows
            if changed and not module.check_mode:
                write_json(path, rows)
    except PlexDatabaseError as error:
        module.fail_json(msg=f"The tracks without analysis cannot be listed. {error}")
    except OSError as error:
        module.fail_json(msg=f"The list of tracks {params['dest']} cannot be written: {error.strerror}.")
    module.exit_json(changed=changed, pending=len(tracks), sentences=sentences(tracks))


if __name__ == "__main__":
    main()
