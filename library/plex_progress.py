#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_progress
short_description: Count how far one section of a Plex library is
description:
  - One reading of both databases, read-only, while Plex may be writing. Judges nothing and waits for nothing.
  - A database that is locked, missing or unreadable is a state of the result and never a zero.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  database_dir:
    description: The directory C(Plug-in Support/Databases) with both databases.
    type: path
    required: true
  section:
    description: Id of the section.
    type: int
    required: true
  counted:
    description:
      - File on the target that keeps what was counted, so that the next reading costs only what changed since.
        Everything is counted when it is missing, torn, older than ten minutes or of another library.
      - Without it everything is counted each time.
    type: path
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 5
"""

EXAMPLES = r"""
- name: Look how many tracks are analysed
  plex_progress:
    database_dir: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    section: 5
"""

RETURN = r"""
state:
  description: V(ok), V(locked), V(missing) or V(unreadable). Only V(ok) comes with counts.
  returned: always
  type: str
locked:
  description: Whether another process holds the database; trying again is the cure.
  returned: always
  type: bool
message:
  description: The reading in words.
  returned: always
  type: str
  sample: 37 of 62 tracks analysed, 25 pending
total:
  description: Items of the section, live and soft-deleted.
  returned: state is ok
  type: int
live:
  description: Live items of the section.
  returned: state is ok
  type: int
tracks:
  description: Live tracks of the section.
  returned: state is ok
  type: int
analysed:
  description: Live tracks that carry Plex's mark, in either spelling.
  returned: state is ok
  type: int
pending:
  description: Live tracks that do not.
  returned: state is ok
  type: int
vectors:
  description: Live tracks with a sonic vector, null when the blobs database is unreadable.
  returned: state is ok
  type: int
loudness:
  description: Live albums of the section whose loudness is analysed.
  returned: state is ok
  type: int
changed_at:
  description: Highest change counter of the section.
  returned: state is ok
  type: int
counted:
  description: V(everything) or V(changes), what had to be read for it.
  returned: state is ok
  type: str
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.progress_counts import LOCKED, Counts, Memory, read_counts


def described(counts: Counts) -> dict[str, Any]:
    """Spell the counts as the module returns them."""
    pending = counts.tracks - counts.analysed
    return {
        "message": f"{counts.analysed} of {counts.tracks} tracks analysed, {pending} pending",
        "total": counts.items + counts.items_deleted,
        "live": counts.items,
        "tracks": counts.tracks,
        "analysed": counts.analysed,
        "pending": pending,
        "vectors": counts.vectors,
        "loudness": counts.loudness,
        "changed_at": counts.changed_at,
    }


def main() -> None:
    """Take one reading."""
    module = AnsibleModule(
        argument_spec={
            "database_dir": {"type": "path", "required": True},
            "section": {"type": "int", "required": True},
            "counted": {"type": "path"},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    directory, section = module.params["database_dir"], module.params["section"]
    counted = module.params["counted"]
    memory = Memory(Path(counted)) if counted and not module.check_mode else None
    reading = read_counts(directory, section, module.params["timeout"], memory)
    result: dict[str, Any] = {
        "changed": False,
        "state": reading.state,
        "locked": reading.state == LOCKED,
        "message": f"{directory} gives no counts: {reading.detail}",
    }
    if reading.counts is not None:
        result |= described(reading.counts) | {"counted": reading.counted}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
