#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: rclone_flags
short_description: Work out rclone's ranges and cache from the machine's memory and disk
description:
  - Reads the size of memory and disk and applies the formula of docs/mount.md. Changes nothing.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  memory:
    description: rclone's share of the memory in MiB; V(0) takes 3/16 of a small machine, 1/8 of a large one.
    type: int
    default: 0
  readers:
    description: Number of files that are open at the same time.
    type: int
    default: 64
  objects:
    description: Number of files in the bucket; V(0) when it is not known.
    type: int
    default: 0
  phase:
    description: What reads most.
    type: str
    choices: [scan, sonic, both]
    default: both
  cache_dir:
    description: Directory that may hold a disk cache; without it there is none. Its disk has to be there already.
    type: path
  modtime:
    description: Which times the mount shows; V(auto) takes the word in O(modtime_note), else V(metadata).
    type: str
    choices: [auto, metadata, server]
    default: auto
  modtime_note:
    description: File with V(metadata) or V(server), as the library was found to know it.
    type: path
"""

EXAMPLES = r"""
- name: Work out how rclone reads
  rclone_flags:
    readers: 64
    phase: both
  register: flags
"""

RETURN = r"""
memory:
  description: rclone's share of the memory in MiB.
  returned: success
  type: int
  sample: 384
chunk:
  description: First range asked for when a file is opened.
  returned: success
  type: str
  sample: 1Mi
chunk_limit:
  description: The range doubles up to this.
  returned: success
  type: str
  sample: 64Mi
cache:
  description: Size of the disk cache in MiB, V(0) for none.
  returned: success
  type: int
objects:
  description: How many files the share is enough for, with so many readers.
  returned: success
  type: int
  sample: 182857
modtime:
  description: Which times the mount shows.
  returned: success
  type: str
  sample: metadata
problem:
  description: What does not fit, as a sentence; empty when all does.
  returned: success
  type: str
"""

import os
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.reading_flags import flags, share

MEMORY = Path("/proc/meminfo")
TIMES = ("metadata", "server")


def machine_memory() -> int:
    """Read the machine's memory in MiB."""
    return int(MEMORY.read_text(encoding="utf-8").split("MemTotal:")[1].split()[0]) // 1024


def disk_size(directory: str) -> int:
    """Read the size in MiB of the disk that a directory is on, or will be."""
    place = Path(directory)
    while not place.exists():
        place = place.parent
    found = os.statvfs(place)
    return found.f_blocks * found.f_frsize // 2**20


def noted(note: str | None) -> str:
    """Read which times the library was found to know; those of the metadata when nobody knows yet."""
    path = Path(note or "/nonexistent")
    word = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    return word if word in TIMES else TIMES[0]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "memory": {"type": "int", "default": 0},
            "readers": {"type": "int", "default": 64},
            "objects": {"type": "int", "default": 0},
            "phase": {"type": "str", "choices": ["scan", "sonic", "both"], "default": "both"},
            "cache_dir": {"type": "path"},
            "modtime": {"type": "str", "choices": ["auto", *TIMES], "default": "auto"},
            "modtime_note": {"type": "path"},
        },
        supports_check_mode=True,
    )
    asked = module.params
    if asked["readers"] < 1:
        module.fail_json(msg=f"rclone_flags: {asked['readers']} readers are none; at least 1 file is open.")
    disk = disk_size(asked["cache_dir"]) if asked["cache_dir"] else 0
    found = flags(asked["memory"] or share(machine_memory()), asked["readers"], asked["objects"], asked["phase"], disk)
    modtime = asked["modtime"] if asked["modtime"] != "auto" else noted(asked["modtime_note"])
    module.exit_json(changed=False, modtime=modtime, **asdict(found))


if __name__ == "__main__":
    main()
