#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_archive
short_description: Put the databases of a home library's archive in place
description:
  - Takes the library database, the blobs database and the write-ahead logs of these two out of an archive,
    wherever they lie in it, and nothing else unless O(carry) asks for it. Names in the archive choose no path on
    this machine.
  - Where the databases themselves are missing, the newest of the dated copies that Plex makes every third day is
    taken, both from the same day; C(databaseBackup.db) of Plex's download button is a library, but needs its blobs.
  - Everything is written and checked in a directory beside the goal and moved in by renaming.
  - A log that belongs to its database is brought into it, one that belongs to another is refused.
  - A C(-shm) is not taken along, since SQLite makes it anew.
  - Refuses what is no archive, is truncated, holds no library or no blobs database or more than one library, has
    members that point outside, has links or devices in place of the databases, holds files that are no SQLite
    databases, and what does not fit on the disk.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  src:
    description: The archive (C(.tar.gz), C(.tar), C(.tar.zst), C(.zip), told apart by content) or a directory.
    type: path
    required: true
  dest:
    description: The directory C(Plug-in Support/Databases) to put the databases into. Required to unpack.
    type: path
  state:
    description:
      - V(unpacked) puts the databases in place unless this archive was unpacked there before.
      - V(inspected) reads what the archive holds and leaves nothing behind.
    type: str
    choices: [unpacked, inspected]
    default: unpacked
  owner:
    description: User id that shall own what is put in place.
    type: int
  group:
    description: Group id that shall own what is put in place.
    type: int
  force:
    description:
      - Put the databases in place even if the ones there come from elsewhere or have changed since.
      - The old ones are moved to a directory beside the new ones.
    type: bool
    default: false
  carry:
    description:
      - Folders beside C(Plug-in Support) to put in place too. Plex makes their content again when it is missing.
      - What is no plain file, directory or link that stays inside is left out and counted.
    type: list
    elements: str
    choices: [Metadata, Media]
    default: []
  scratch:
    description: Directory to unpack the library to while it is inspected. The system's choice by default.
    type: path
"""

EXAMPLES = r"""
- name: Look into the archive before a machine is rented
  plex_db_archive:
    src: ~/library.tar.gz
    state: inspected

- name: Put the databases in place
  plex_db_archive:
    src: /srv/plex-burst/inject/library.tar.gz
    dest: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    owner: 1000
    group: 1000
"""

RETURN = r"""
archive:
  description: What was read. A directory has C(files) with sizes and times in place of a checksum.
  returned: success
  type: dict
  sample: {"path": "/srv/plex-burst/inject/library.tar.gz", "size": 123, "mtime_ns": 1, "sha256": "9f86..."}
members:
  description: The members that were taken.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "Databases/com.plexapp.plugins.library.db", "size": 1954816}]
databases:
  description: Size of each database.
  returned: success
  type: dict
  sample: {"com.plexapp.plugins.library.db": 1954816, "com.plexapp.plugins.library.blobs.db": 384000}
checksums:
  description: The sha256 of each database as it was put in place, its log brought in.
  returned: success
  type: dict
  sample: {"com.plexapp.plugins.library.db": "9f86..."}
seconds:
  description: How long it took.
  returned: success
  type: float
carried:
  description: What was carried along, and what was left out of it.
  returned: success
  type: dict
  sample: {"files": 1200, "bytes": 345678, "links": 3, "left_out": 0}
sections:
  description: The library sections.
  returned: success
  type: list
  elements: dict
  sample: [{"id": 5, "name": "Music", "type": "artist", "locations": ["/data/Music"]}]
schema_migrations:
  description: Number of schema migrations of the library.
  returned: success
  type: int
modified_since:
  description: Whether the databases in place have changed since this archive was unpacked. They were left alone.
  returned: success
  type: bool
backup:
  description: Directory the replaced databases were moved to, empty when there were none.
  returned: success
  type: str
"""

import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.archive import ArchiveError
from ..module_utils.archive_names import CARRIED
from ..module_utils.place import Owner, Placed, inspect, place
from ..module_utils.plex_db import PlexDatabaseError


def run(module: AnsibleModule) -> Placed:
    """Do what the options ask for."""
    options = module.params
    if options["state"] == "inspected":
        return inspect(Path(options["src"]), Path(options["scratch"] or tempfile.gettempdir()))
    owner = Owner(options["owner"], options["group"])
    src, dest, carry = Path(options["src"]), Path(options["dest"]), tuple(options["carry"])
    return place(src, dest, owner, carry, force=options["force"], dry_run=module.check_mode)


def main() -> None:
    """Unpack or inspect; every refusal is one sentence."""
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "dest": {"type": "path"},
            "state": {"type": "str", "choices": ["unpacked", "inspected"], "default": "unpacked"},
            "owner": {"type": "int"},
            "group": {"type": "int"},
            "force": {"type": "bool", "default": False},
            "carry": {"type": "list", "elements": "str", "choices": list(CARRIED), "default": []},
            "scratch": {"type": "path"},
        },
        required_if=[("state", "unpacked", ["dest"])],
        supports_check_mode=True,
    )
    started = time.monotonic()
    try:
        placed = run(module)
    except (ArchiveError, PlexDatabaseError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{module.params['src']} cannot be put in place: {error}.")
    module.exit_json(
        changed=placed.changed,
        archive=placed.archive,
        modified_since=placed.modified_since,
        backup=placed.backup,
        seconds=round(time.monotonic() - started, 3),
        **asdict(placed.staged),
    )


if __name__ == "__main__":
    main()
