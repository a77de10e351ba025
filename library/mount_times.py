#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_times
short_description: Fetch the modification times of a mounted bucket, many at once, before a scan asks one by one
description:
  - Starts the walk on the target, or looks how far it is; call it in an C(until) loop. A walk that was cut off begins
    again and is quick where rclone knows the answers already. What cannot be asked is counted and left to the scan.
  - Where S3 gives no time, rclone shows that of the question, and goes on doing so; only another generation of the
    mount asks again. Such files are counted, too.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
attributes:
  idempotent:
    support: full
    details: [Once per generation of the mount.]
options:
  path:
    description: The mounted tree.
    type: path
    required: true
  note:
    description: File that tells how far the walk is; in a directory that ends with the generation of the mount.
    type: path
    required: true
  program_dir:
    description: Where the package C(plex_burst_guard) is on the target.
    type: path
    default: /opt/plex-burst
"""

EXAMPLES = r"""
- name: Fetch the times of all files
  mount_times:
    path: /srv/plex-burst/mnt/library
    note: /run/plex-burst-mount/times.json
  register: times
  until: times.finished
  retries: 3600
  delay: 1
"""

RETURN = r"""
finished:
  description: Whether every file was asked.
  returned: success
  type: bool
files:
  description: How many answered.
  returned: success
  type: int
undated:
  description: How many show the time of the question instead of their own.
  returned: success
  type: int
failed:
  description: How many could not be asked.
  returned: success
  type: int
message:
  description: How far it is, for people.
  returned: success
  type: str
  sample: 12,345 times fetched in 9 s
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.files import write_json
from ..module_utils.mount_times import over, read

# A walk that ends before it has written a word does so again.
_STARTS = 3
_BEGUN: dict[str, Any] = {"finished": False, "files": 0, "undated": 0, "failed": 0, "seconds": 0.0}


def start(asked: dict[str, Any], note: Path, starts: int) -> None:
    """Start the walk in a session of its own, so that it outlives this module."""
    walk = subprocess.Popen(
        ["/usr/bin/python3", "-m", "plex_burst_guard.mount_times", asked["path"], str(note)],
        env={**os.environ, "PYTHONPATH": asked["program_dir"]},
        cwd="/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    # The walk's own notes do not count the starts: one that came so far works.
    write_json(note, {**_BEGUN, "pid": walk.pid, "starts": starts})


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "note": {"type": "path", "required": True},
            "program_dir": {"type": "path", "default": "/opt/plex-burst"},
        },
        supports_check_mode=True,
    )
    note = Path(module.params["note"])
    state = read(note)
    begun = over(state)
    if begun:
        starts = state.get("starts", 0) + 1
        state = {**_BEGUN, "finished": module.check_mode}
        if starts > _STARTS:
            module.fail_json(msg=f"The times cannot be fetched: the walk ended by itself {_STARTS} times.")
        try:
            if not module.check_mode:
                start(module.params, note, starts)
        except OSError as error:
            # Its directory goes with the generation of the mount.
            module.fail_json(msg=f"The times cannot be fetched: {note}: {error.strerror}.")
    told = "fetching the modification times of the files"
    if state["files"] or (state["finished"] and not begun):
        told = f"{state['files']:,} times fetched in {state['seconds']:.0f} s"
    if state["undated"]:
        told += f", {state['undated']} show a wrong one, because S3 did not tell theirs: Plex takes them for changed"
    if state["failed"]:
        told += f", {state['failed']} did not answer"
    counts = {name: state[name] for name in ("finished", "files", "undated", "failed")}
    module.exit_json(changed=begun, message=told, **counts)


if __name__ == "__main__":
    main()
