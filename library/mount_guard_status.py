#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_guard_status
short_description: Read what the guard of the mount thinks, and what it did since a moment
description:
  - Reads the files of the guard; asks nobody and changes nothing. Call it in an C(until) loop to wait for health.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  directory:
    description: The directory of the guard on the target.
    type: path
    required: true
  since:
    description: Only events from this moment on, in seconds since 1970.
    type: float
    default: 0
"""

EXAMPLES = r"""
- name: Wait until the guard has found the mount healthy
  mount_guard_status:
    directory: /srv/plex-burst/guard
  register: guard
  until: guard.state == 'healthy'
  retries: 120
  delay: 1
"""

RETURN = r"""
state:
  description: What the guard thinks; V(absent) when there is no guard, else a word of docs/mount.md.
  returned: always
  type: str
  sample: healthy
message:
  description: What is going on, for people.
  returned: always
  type: str
  sample: "the mount is healthy; 1 freeze, 1 repair so far"
frozen:
  description: Whether it holds Plex frozen.
  returned: always
  type: bool
counts:
  description: How often it froze, repaired and ended workers, in the life of the guard.
  returned: always
  type: dict
  sample: {"freezes": 1, "repairs": 1, "workers_ended": 0}
events:
  description: The lines of its log.
  returned: always
  type: list
  elements: dict
windows:
  description: The times in which Plex stood still, as its log has them; one that has no C(to) lasts.
  returned: always
  type: list
  elements: dict
  sample: [{"from": 1790000000.0, "to": 1790000001.2, "cause": "the process of the mount ended", "workers_ended": 1}]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.guard_report import read


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "since": {"type": "float", "default": 0.0},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **read(Path(module.params["directory"]), module.params["since"]))


if __name__ == "__main__":
    main()
