#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_init_status
short_description: Read how far cloud-init is with a machine
description:
  - Asks C(cloud-init status) once, and says what it is at. Call it in an C(until) loop.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  lines:
    description: How many lines of the end of its output are returned.
    type: int
    default: 40
"""

EXAMPLES = r"""
- name: Wait for cloud-init
  cloud_init_status:
  register: preparing
  until: preparing.ended | default(false)
  retries: 240
  delay: 5
"""

RETURN = r"""
status:
  description: Its own word, as V(running), V(done) or V(error); empty when it gave none.
  returned: success
  type: str
ended:
  description: Whether it will do no more, well or badly.
  returned: success
  type: bool
message:
  description: What it is at, for people.
  returned: success
  type: str
  sample: "cloud-init is at packages and commands: Unpacking docker.io (20.10.24+dfsg1-1+deb12u1) ..."
log:
  description: The end of its output, C(/var/log/cloud-init-output.log).
  returned: success
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.cloud_init import judged

PROGRESS = Path("/run/cloud-init/status.json")
OUTPUT = Path("/var/log/cloud-init-output.log")


def read(path: Path) -> str:
    """The text of a file that may not be there yet."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"lines": {"type": "int", "default": 40}}, supports_check_mode=True)
    program = module.get_bin_path("cloud-init")
    if program is None:
        module.fail_json(msg="There is no cloud-init on this machine; choose an image that has it (debian_bookworm).")
    # Its exit code is 1 or 2 for what the answer says, too.
    _, said, _ = module.run_command([program, "status", "--format", "json"])
    log = read(OUTPUT).splitlines()[-module.params["lines"] :]
    found = judged(said, read(PROGRESS), log)
    module.exit_json(changed=False, status=found.status, ended=found.ended, message=found.message, log=log)


if __name__ == "__main__":
    main()
