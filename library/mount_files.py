#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_files
short_description: Write down some files of a mounted tree, chosen at random
description:
  - The guard of the mount reads other files of this list each time, because a cache answers for the file that was
    read before. A list that is there stays.
  - A file whose beginning cannot be read is left out; when none can, that is an error.
  - Looks in a child with a deadline, as the user of Plex.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  path:
    description: The mounted tree.
    type: path
    required: true
  dest:
    description: The file that gets the list, a JSON array of paths relative to the tree.
    type: path
    required: true
  files:
    description: Number of files wanted.
    type: int
    default: 200
  uid:
    description: User who looks.
    type: int
    default: 1000
  gid:
    description: Group who looks.
    type: int
    default: 1000
  timeout:
    description: Seconds for all of it.
    type: float
    default: 60
"""

EXAMPLES = r"""
- name: Name files that the guard may read
  mount_files:
    path: /srv/plex-burst/mnt/library
    dest: /srv/plex-burst/guard/files.json
"""

RETURN = r"""
count:
  description: How many files the list has.
  returned: success
  type: int
  sample: 200
"""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import bounded
from ..module_utils.files import write_json
from ..module_utils.mount_reading import become, find_files, first_bytes

READERS = 16


def choose(asked: dict[str, Any]) -> list[str]:
    """Find the files; OSError with a sentence when the tree does not let itself be looked at."""

    def work() -> dict[str, Any]:
        become(asked["uid"], asked["gid"])
        found = find_files(asked["path"], asked["files"], random.Random())  # noqa: S311 - a sample, no secret
        with ThreadPoolExecutor(READERS) as pool:
            said = dict(zip(found, (why for _, why in pool.map(first_bytes, found)), strict=True))
        readable = [str(Path(path).relative_to(asked["path"])) for path, why in said.items() if not why]
        if found and not readable:
            raise OSError(f"none of {len(found)} can be read ({next(iter(said.values()))})")
        return {"files": readable}

    answer = bounded.run(work, asked["timeout"])
    if "files" not in answer:
        raise OSError(answer.get("error", f"no answer within {asked['timeout']:g} s"))
    return list(answer["files"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "files": {"type": "int", "default": 200},
            "uid": {"type": "int", "default": 1000},
            "gid": {"type": "int", "default": 1000},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    dest = Path(module.params["dest"])
    if dest.exists():
        module.exit_json(changed=False, count=len(json.loads(dest.read_text(encoding="utf-8"))))
    try:
        files = choose(module.params)
        if not module.check_mode:
            write_json(dest, files)
    except OSError as error:
        module.fail_json(msg=f"No files to watch could be chosen below {module.params['path']}: {error}.")
    module.exit_json(changed=True, count=len(files))


if __name__ == "__main__":
    main()
