#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_snapshot
short_description: Copy both Plex databases consistently while Plex is writing
description:
  - Copies each database's file, and then its log, inside one read transaction. In WAL mode, which Plex uses, that
    blocks no writer, and no writer can make it start over.
  - The library is copied first and the blobs after it, then every track that the copied library calls analysed is
    looked up in the copied blobs.
  - Both copies are checked and counted. Each is one whole file (no write-ahead log), mode 0600, with its page size
    kept.
  - While it copies, Plex's log cannot begin anew and grows; it is emptied again afterwards.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases]
attributes:
  check_mode:
    support: partial
options:
  dest:
    description:
      - Directory for the copies and their C(manifest.json). Made with mode 0700 if it does not exist.
      - With O(keep) the directory of the snapshots, each of which gets one of its own, named after its time.
    type: path
    required: true
  compress:
    description: Whether to leave only files compressed with zstd, which must be installed.
    type: bool
    default: false
  keep:
    description:
      - How many snapshots to keep in O(dest). Older ones, and what a killed call left, are removed when the new one is
        complete. V(0) means that O(dest) holds one snapshot, which is replaced.
    type: int
    default: 0
  facts:
    description: What else the manifest should say, such as the run and the version of Plex.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Copy the enriched library
  plex_db_snapshot:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    dest: /srv/plex-burst/export
  register: __plex_db_export_snapshot

- name: Take a checkpoint, keep the last three
  plex_db_snapshot:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    dest: /srv/plex-burst/checkpoints
    compress: true
    keep: 3
    facts:
      run_id: 20261122T120000Z-1a2b
"""

RETURN = r"""
dir:
  description: The directory of the snapshot.
  returned: success
  type: str
  sample: /srv/plex-burst/checkpoints/20261122T120000000000Z
files:
  description: The copies, each with its size and checksum. With O(compress) C(archive) says the same of what is there.
  returned: success
  type: list
  elements: dict
  sample: [{"path": "/srv/plex-burst/export/x.db", "name": "x.db", "size": 1954816, "sha256": "9f86..."}]
migrations:
  description: Number of schema migrations per database.
  returned: success
  type: dict
  sample: {"library": 246, "blobs": 246}
analysed_without_vector:
  description: Tracks that carry Plex's mark although Plex itself holds no vector for them.
  returned: success
  type: int
census:
  description: What the copies hold, as M(plex_db_census) counts it.
  returned: success
  type: dict
taken_at:
  description: When it was taken, UTC.
  returned: success
  type: str
  sample: "2026-11-22T12:00:00Z"
seconds:
  description: How long it took.
  returned: success
  type: float
locked:
  description: Whether it failed because another process holds a database; trying again is the cure.
  returned: always
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.compression import CompressionError
from ..module_utils.plex_db import DatabaseLockedError, PlexDatabaseError
from ..module_utils.snapshot import room_problem, take
from ..module_utils.snapshot_series import take_and_keep


def main() -> None:
    """Copy, check, and list the copies."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "compress": {"type": "bool", "default": False},
            "keep": {"type": "int", "default": 0},
            "facts": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    source, dest = Path(module.params["directory"]), Path(module.params["dest"])
    keep, compress, facts = (module.params[name] for name in ("keep", "compress", "facts"))
    try:
        problem = room_problem(source, dest)
        if problem:
            module.fail_json(msg=problem, locked=False)
        if module.check_mode:
            module.exit_json(changed=True, files=[], migrations={}, locked=False)
        manifest, changed = (
            take_and_keep(source, dest, keep, compress, facts) if keep else take(source, dest, compress, facts)
        )
    except (PlexDatabaseError, CompressionError) as error:
        module.fail_json(msg=str(error), locked=isinstance(error, DatabaseLockedError))
    except OSError as error:
        module.fail_json(msg=f"{source} cannot be copied to {dest}: {error}.", locked=False)
    returned = ("files", "migrations", "census", "analysed_without_vector", "taken_at", "seconds")
    place = str(Path(manifest["files"][0]["path"]).parent)
    module.exit_json(changed=changed, locked=False, dir=place, **{key: manifest[key] for key in returned})


if __name__ == "__main__":
    main()
