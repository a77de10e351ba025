#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rclone_listing
short_description: Fill the directory listing of a running rclone mount, once
description:
  - Starts C(vfs/refresh) for the whole tree, or looks how far it is. Call it in an C(until) loop.
  - It never lists twice in the life of a mount, because a second listing costs requests and memory and
    can move the times of directories. What it did is noted beside the socket, in the runtime directory
    of the unit, which goes away with the mount.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  socket:
    description: Unix socket of rclone's remote control.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Fill the listing once
  rclone_listing:
    socket: /run/plex-burst-mount/rclone.sock
  register: listing
  until: listing.finished | default(false)
  retries: 600
  delay: 1
"""

RETURN = r"""
finished:
  description: Whether the whole tree is listed.
  returned: success
  type: bool
message:
  description: What is going on, for people.
  returned: success
  type: str
  sample: the listing took 29.1 s
seconds:
  description: How long the listing has taken so far.
  returned: success
  type: float
files:
  description: How many files are listed so far.
  returned: success
  type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.listing import Listing, advance, note_of
from ..module_utils.rclone_rc import RcloneError, call


def message(found: Listing) -> str:
    """Say how far it is."""
    if not found.finished:
        return "listing the bucket"
    return f"the listing took {found.seconds} s"


def apply(socket: str, check_mode: bool) -> dict[str, object]:
    """Start the listing if it never was, else look how far it is."""
    if check_mode and not note_of(socket).exists():
        return {"changed": True, "finished": True, "seconds": 0.0, "message": "the bucket would be listed"}
    found = advance(socket)
    return {"changed": found.begun, "finished": found.finished, "seconds": found.seconds, "message": message(found)}


def listed(socket: str) -> int:
    """Count the files that rclone has in its directory cache."""
    return int(call(socket, "vfs/stats")["metadataCache"]["files"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"socket": {"type": "path", "required": True}}, supports_check_mode=True)
    try:
        result = apply(module.params["socket"], module.check_mode)
        result["files"] = 0 if module.check_mode else listed(module.params["socket"])
    except RcloneError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
