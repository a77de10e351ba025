#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_probe
short_description: Read the first bytes of some files of a mounted tree, as another user, within a deadline
description:
  - Fails with one sentence when a root is missing, empty, unreadable for that user, or when reading hangs.
  - Files are chosen at random each time, because a cache answers for the file that was read before.
  - A reader that hangs is killed and not waited for, so that a dead mount cannot hang the play.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  path:
    description: The roots to look into.
    type: list
    elements: path
    required: true
  uid:
    description: User who reads. Root needs this to find out what Plex may see.
    type: int
    default: 1000
  gid:
    description: Group who reads.
    type: int
    default: 1000
  files:
    description: Number of files to read per root, at the most.
    type: int
    default: 5
  timeout:
    description: Seconds for all of it.
    type: float
    default: 30
"""

EXAMPLES = r"""
- name: Read real bytes as the user of Plex
  mount_probe:
    path: /srv/plex-burst/mnt/library
    files: 3
"""

RETURN = r"""
read:
  description: What was read.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/srv/plex-burst/mnt/library/Music/a.flac", "bytes": 4096}]
problems:
  description: What stood in the way, one sentence each.
  returned: always
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.mount_reading import read_as


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "list", "elements": "path", "required": True},
            "uid": {"type": "int", "default": 1000},
            "gid": {"type": "int", "default": 1000},
            "files": {"type": "int", "default": 5},
            "timeout": {"type": "float", "default": 30.0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    result = read_as(asked["path"], asked["files"], asked["uid"], asked["gid"], asked["timeout"])
    if result["problems"]:
        module.fail_json(msg=f"The mount cannot be trusted: {' '.join(result['problems'][:5])}", **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
