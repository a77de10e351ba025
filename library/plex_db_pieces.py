#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_pieces
short_description: Cut the databases of a library into compressed pieces that travel one by one
description:
  - Nothing else of an archive travels, and no more than one piece lies on the other side at a time, where
    M(plex_db_arrival) puts them together.
  - Writes C(pieces.json) last, so that a directory that has it is complete. Needs the program zstd.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  directory:
    description: The directory with both databases. Nobody may be writing them.
    type: path
    required: true
  dest:
    description: Directory for the pieces. Made with mode 0700; what it holds of another library is replaced.
    type: path
    required: true
  library:
    description:
      - What the databases are, as M(plex_db_archive) returns it (C(archive), C(members), C(databases), C(checksums),
        C(sections), C(schema_migrations)); it travels along.
    type: dict
    required: true
  piece_size:
    description: Bytes of database in a piece, before compression. What breaks in between is sent again.
    type: int
    default: 268435456
"""

EXAMPLES = r"""
- name: Cut what was checked into pieces
  plex_db_pieces:
    directory: "{{ burst_run_dir }}/preflight"
    dest: "{{ burst_run_dir }}/upload"
    library: "{{ looked }}"
"""

RETURN = r"""
pieces:
  description: The pieces in the order of the files.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "com.plexapp.plugins.library.db.0000.zst", "database": "com.plexapp.plugins.library.db",
            "offset": 0, "size": 268435456, "sha256": "9f86..."}]
"""

import shutil
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.archive import ArchiveError
from ..module_utils.compression import CompressionError
from ..module_utils.files import read_json
from ..module_utils.pieces import MANIFEST, PIECE, cut, write_manifest

FACTS = ("archive", "members", "databases", "checksums", "sections", "schema_migrations")


def main() -> None:
    """Cut, unless that was done before."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "library": {"type": "dict", "required": True},
            "piece_size": {"type": "int", "default": PIECE},
        },
        supports_check_mode=True,
    )
    options = module.params
    source, target = Path(options["directory"]), Path(options["dest"])
    facts = {name: options["library"][name] for name in FACTS if name in options["library"]}
    absent = set(FACTS) - set(facts)
    if absent or options["piece_size"] < 1:
        wrong = f"library has no {', '.join(sorted(absent))}" if absent else "piece_size is less than 1"
        module.fail_json(msg=f"{wrong}: give what plex_db_archive returns, and a size in bytes.")
    known = read_json(target / MANIFEST) or {}
    if known.get("checksums") == facts["checksums"]:
        module.exit_json(changed=False, pieces=known["pieces"])
    if module.check_mode:
        module.exit_json(changed=True, pieces=[])
    # Errors are ignored here and below: there may be nothing to remove, and what cannot be written over is told then.
    shutil.rmtree(target, ignore_errors=True)
    try:
        pieces = cut(source, target, options["piece_size"])
        write_manifest(target, pieces, facts)
    except (ArchiveError, CompressionError) as error:
        shutil.rmtree(target, ignore_errors=True)
        module.fail_json(msg=str(error))
    except OSError as error:
        shutil.rmtree(target, ignore_errors=True)
        module.fail_json(msg=f"The databases of {source} cannot be packed into {target}: {error}.")
    module.exit_json(changed=True, pieces=[asdict(piece) for piece in pieces])


if __name__ == "__main__":
    main()
