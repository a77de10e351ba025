#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_arrival
short_description: Put databases together that arrive in pieces
description:
  - Takes in the pieces (M(plex_db_pieces)) that lie in O(incoming), proves each by its checksum, writes it to its place
    and removes it. Called after each piece, this machine never holds more than one beside the databases.
  - What has arrived is remembered. A transfer that was interrupted goes on where it ended; a damaged piece is asked for
    again; pieces of another library begin anew.
  - When all are there the databases are moved into O(dest) by renaming and stamped, as M(plex_db_archive) does.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  manifest:
    description: The content of C(pieces.json).
    type: dict
    required: true
  incoming:
    description: Directory into which the pieces are copied.
    type: path
    required: true
  dest:
    description: The directory C(Plug-in Support/Databases) to put the databases into.
    type: path
    required: true
  owner:
    description: User id that shall own what is put in place.
    type: int
  group:
    description: Group id that shall own what is put in place.
    type: int
"""

EXAMPLES = r"""
- name: Take in the piece that was copied
  plex_db_arrival:
    manifest: "{{ lookup('ansible.builtin.file', burst_run_dir ~ '/upload/pieces.json') | from_json }}"
    incoming: /srv/plex-burst/inject
    dest: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    owner: 1000
    group: 1000
"""

RETURN = r"""
missing:
  description: Names of the pieces that have not arrived. Empty when the databases are in place.
  returned: success
  type: list
  elements: str
seconds:
  description: How long ago this transfer began.
  returned: success
  type: float
checksums:
  description: The sha256 of each database that is in place.
  returned: when nothing is missing
  type: dict
  sample: {"com.plexapp.plugins.library.db": "9f86..."}
modified_since:
  description: Whether the databases in place have changed since they arrived. They were left alone.
  returned: when nothing is missing
  type: bool
backup:
  description: Directory the replaced databases were moved to, empty when there were none.
  returned: when nothing is missing
  type: str
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.archive import ArchiveError
from ..module_utils.arrival import Arrival, Shipment, receive
from ..module_utils.pieces import Piece
from ..module_utils.place import Owner
from ..module_utils.plex_db import PlexDatabaseError
from ..module_utils.unpack import Staged


def run(module: AnsibleModule) -> Arrival:
    """Take in what is there."""
    options = module.params
    manifest = options["manifest"]
    staged = Staged(**{one.name: manifest[one.name] for one in fields(Staged) if one.name in manifest})
    shipment = Shipment([Piece(**piece) for piece in manifest["pieces"]], staged, manifest["archive"])
    owner = Owner(options["owner"], options["group"])
    return receive(shipment, Path(options["incoming"]), Path(options["dest"]), owner, dry_run=module.check_mode)


def main() -> None:
    """Take pieces in; every refusal is one sentence."""
    module = AnsibleModule(
        argument_spec={
            "manifest": {"type": "dict", "required": True},
            "incoming": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "owner": {"type": "int"},
            "group": {"type": "int"},
        },
        supports_check_mode=True,
    )
    try:
        arrival = run(module)
    except (ArchiveError, PlexDatabaseError) as error:
        module.fail_json(msg=str(error))
    except (KeyError, TypeError) as error:
        module.fail_json(msg=f"manifest is not the content of a pieces.json ({error}): make it with plex_db_pieces.")
    except OSError as error:
        module.fail_json(msg=f"The databases cannot be put into {module.params['dest']}: {error}.")
    result: dict[str, Any] = {"changed": arrival.changed, "missing": arrival.missing, "seconds": arrival.seconds}
    if placed := arrival.placed:
        result |= {"checksums": placed.staged.checksums, "modified_since": placed.modified_since}
        result |= {"backup": placed.backup}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
