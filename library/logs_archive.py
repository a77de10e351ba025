#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: logs_archive
short_description: Put logs of all kinds into one masked archive
description:
  - Takes files, directories, outputs of commands and other archives into one C(tar.gz) with an C(index.json).
  - What is missing or unreadable is noted in the index and never stops the rest, because logs are wanted most when
    half of the machine is gone.
  - Where O(dest) cannot be written, because its disk is full or has failed, a smaller archive is made in O(spare).
  - Tokens, keys, claim codes and mail addresses are masked.
  - An archive that holds nothing new is not kept, so that O(dest) stays as it is.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
attributes:
  idempotent:
    support: partial
    details: Logs that grew are new, and so is what a command says otherwise than before; but see O(moment).
options:
  dest:
    description: The archive to write, mode 0600.
    type: path
    required: true
  spare:
    description:
      - A directory in memory for the archive when O(dest) cannot be written; a tenth of O(total) is taken then.
      - Without it that is an error.
    type: path
  sources:
    description: What to take, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name in the archive.
        type: str
        required: true
      path:
        description: A file or a directory.
        type: path
      command:
        description: A program with its arguments, whose output is taken.
        type: list
        elements: str
      archive:
        description: Another archive made by this module, whose members are taken.
        type: path
  secrets:
    description: Values to mask wherever they stand, besides those of known shape.
    type: list
    elements: str
    default: []
  limit:
    description: Bytes to take from the end of each file.
    type: int
    default: 50000000
  total:
    description: Bytes to take of all files together, before compression; the first sources go first.
    type: int
    default: 500000000
  timeout:
    description: Seconds that each command may take.
    type: float
    default: 30
  moment:
    description:
      - A directory of the archive with readings of the moment, such as how full the disk is.
      - They are taken, but when nothing else is new there is nothing new.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Gather the logs
  logs_archive:
    dest: /srv/plex-burst/logs.tar.gz
    sources:
      - {name: rclone.log, path: /srv/plex-burst/log/rclone.log}
      - {name: container.log, command: [docker, logs, plex]}
"""

RETURN = r"""
index:
  description: What is in the archive, and what is not and why.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "rclone.log", "bytes": 5120, "note": ""}]
dest:
  description: The archive, which is in O(spare) when it could not be where it should.
  returned: success
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.log_archive import write

# As module_utils.log_archive.write takes them.
ORDER = ("sources", "secrets", "limit", "timeout")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "spare": {"type": "path"},
            "sources": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "path": {"type": "path"},
                    "command": {"type": "list", "elements": "str"},
                    "archive": {"type": "path"},
                },
                "mutually_exclusive": [("path", "command", "archive")],
                "required_one_of": [("path", "command", "archive")],
            },
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "limit": {"type": "int", "default": 50_000_000},
            "total": {"type": "int", "default": 500_000_000},
            "timeout": {"type": "float", "default": 30.0},
            "moment": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    asked = module.params
    places = [(Path(asked["dest"]), asked["total"])]
    if asked["spare"]:
        places.append((Path(asked["spare"]) / places[0][0].name, asked["total"] // 10))
    index: list[dict[str, object]] = []
    problem: OSError | None = None
    for place, total in [] if module.check_mode else places:
        try:
            index, new = write(place, *(asked[name] for name in ORDER), total=total, moment=asked["moment"])
        except OSError as error:
            problem = problem or error
        else:
            module.exit_json(changed=new, index=index, dest=str(place))
    if problem:
        module.fail_json(msg=f"The archive {asked['dest']} cannot be written: {problem.strerror}.")
    module.exit_json(changed=True, index=index, dest=asked["dest"])


if __name__ == "__main__":
    main()
