#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_speed
short_description: Measure what the bucket gives this machine, with real files, and forecast the pending work
description:
  - Reads real files of the mount with rclone's own client, one and then several at once, each measurement for a few
    seconds. Fails with the reason when S3 does not give them. Nothing is written.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  path:
    description: Where the mount is; files are chosen there by chance.
    type: path
    required: true
  rclone:
    description: The program and its options, as a list.
    type: list
    elements: str
    required: true
  remote:
    description: What is mounted, as rclone names it.
    type: str
    required: true
  directory:
    description: The directory of the databases. Without it, or before they are there, there is no forecast.
    type: path
  streams:
    description: Files that are read at once.
    type: int
    default: 8
  seconds:
    description: How long each of both measurements may take.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Measure what the bucket gives
  mount_speed:
    path: /srv/plex-burst/mnt/library
    rclone: [/opt/plex-burst/rclone, --config=/etc/plex-burst/rclone.conf]
    remote: library:bucket
"""

RETURN = r"""
message:
  description: The result in a line.
  returned: success
  type: str
  sample: first byte after 61 ms; one file 48.0 MB/s, 8 at once 212.4 MB/s; 912.0 GB are left to read, about 90 min
first_byte_seconds:
  description: From the start of a client to the first byte of a cold file.
  returned: success
  type: float
one_bytes_per_second:
  description: Rate of one file.
  returned: success
  type: float
many_bytes_per_second:
  description: Rate of O(streams) files at once, together.
  returned: success
  type: float
pending_bytes:
  description: Size of the tracks without an analysis; null when there is no library yet.
  returned: success
  type: int
pending_seconds:
  description: How long reading them takes at four fifths of the better rate; null when that is not known.
  returned: success
  type: float
"""

import os
import random
import select
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import bounded, plex_db
from ..module_utils.mount_reading import find_files
from ..module_utils.s3_reasons import explain
from ..module_utils.throughput import Measured, forecast, sentence

_PENDING = """
SELECT ifnull(sum(mp.size), 0) FROM metadata_items md JOIN media_items mi ON mi.metadata_item_id = md.id
JOIN media_parts mp ON mp.media_item_id = mi.id
WHERE md.metadata_type = ? AND md.deleted_at IS NULL AND mp.deleted_at IS NULL
  AND (md.extra_data IS NULL OR md.extra_data NOT LIKE ?)
"""
_PIECE = 1 << 20


class SpeedError(Exception):
    """S3 gave nothing; the text is a sentence."""


def read(commands: Sequence[list[str]], seconds: float) -> tuple[Measured, float]:
    """Run clients side by side until all are done or the time is up; what came, and when the first byte did."""
    started = time.monotonic()
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
    open_pipes = {client.stdout.fileno(): client for client in clients if client.stdout}
    moved, first = 0, 0.0
    while open_pipes and (left := seconds - (time.monotonic() - started)) > 0:
        for descriptor in select.select(list(open_pipes), [], [], left)[0]:
            piece = os.read(descriptor, _PIECE)
            first = first or time.monotonic() - started
            moved += len(piece)
            if not piece:
                del open_pipes[descriptor]
    lasted = time.monotonic() - started
    said = ""
    for client in clients:
        client.kill()
        said = client.communicate()[1].decode(errors="replace").strip() or said
    if not moved:
        raise SpeedError(explain(said.splitlines()[-1] if said else "no answer"))
    return Measured(moved, lasted, len(commands)), first


def pending(directory: str | None) -> int | None:
    """Add up the tracks that have no analysis."""
    path = Path(directory or "/nonexistent") / plex_db.LIBRARY
    if not path.is_file():
        return None
    with plex_db.reading(path) as connection:
        return int(connection.execute(_PENDING, (plex_db.TRACK, plex_db.ANALYSED)).fetchone()[0])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "rclone": {"type": "list", "elements": "str", "required": True},
            "remote": {"type": "str", "required": True},
            "directory": {"type": "path"},
            "streams": {"type": "int", "default": 8},
            "seconds": {"type": "float", "default": 10.0},
        },
        supports_check_mode=True,
    )
    asked = module.params
    root, chooser = asked["path"], random.Random()  # noqa: S311 - other files each time, no secret
    found = bounded.run(lambda: {"files": find_files(root, asked["streams"], chooser)}, 60)
    if not found.get("files"):
        module.fail_json(msg=f"{root} shows no file to measure with: {found.get('error', 'mount the bucket first')}.")
    names = [str(Path(path).relative_to(root)) for path in found["files"]]
    once = ["--retries=1", "--low-level-retries=1", "--contimeout=10s"]
    commands = [[*asked["rclone"], "cat", f"{asked['remote'].rstrip('/')}/{name}", *once] for name in names]
    try:
        one, first = read(commands[:1], asked["seconds"])
        many, _ = read(commands, asked["seconds"])
        left = pending(asked["directory"])
    except (SpeedError, plex_db.PlexDatabaseError) as error:
        module.fail_json(msg=f"The bucket cannot be measured: {error}.")
    module.exit_json(
        changed=False,
        message=sentence(first, one, many, left),
        first_byte_seconds=round(first, 3),
        one_bytes_per_second=one.rate,
        many_bytes_per_second=many.rate,
        pending_bytes=left,
        pending_seconds=forecast(left, max(one, many, key=lambda measured: measured.rate)),
    )


if __name__ == "__main__":
    main()
