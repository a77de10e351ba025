#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_db_drift
short_description: Compare a library's files with what is there, before a scan marks the difference as deleted
description:
  - Lists what lies below the locations of the sections, through the mount, and compares paths and sizes with the
    library's. Says what is unchanged, moved (same name and size elsewhere), gone, new or of another size.
  - Groups what moved into as few rules of a mappings file as bring every file back and touch no other.
  - A folder that cannot be listed fails the task instead of counting as empty.
  - Reads only, unless O(look_again) is set.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  directory:
    description: The directory C(Plug-in Support/Databases) with the library database, its paths mapped.
    type: path
    required: true
  sections:
    description: Names of the sections to look at. Empty means all but photo sections.
    type: list
    elements: str
    default: []
  media_in_plex:
    description: Where Plex sees the media.
    type: path
    required: true
  media_mount:
    description: Where the same media is on this machine.
    type: path
    required: true
  mappings:
    description: The mappings file that was used, so that the proposal continues it.
    type: path
  proposal:
    description: File to write the proposed mappings to when anything moved.
    type: path
  at_least:
    description: Files that may be marked as deleted in any case.
    type: int
    default: 20
  percent:
    description: Share of the library's files in percent that may be marked as deleted; the larger limit counts.
    type: float
    default: 1
  look_again:
    description:
      - Have the next ordinary scan look into the folders of what is new, moved, gone or of another size, although their
        times may be those that the library stored. Only their times in the library are changed (C(directories)); no
        server may have it open.
    type: bool
    default: false
  fail:
    description: Whether passing the limit fails the task.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Refuse to scan a library whose files are elsewhere
  plex_db_drift:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    media_in_plex: /media/library
    media_mount: /srv/plex-burst/mnt/library
    proposal: /srv/plex-burst/inject/proposed_mappings.json
"""

RETURN = r"""
drift:
  description:
    - Counts, a few names of each kind, C(proposals) (rules with the number of files and V(certain) or V(likely)) and
      C(sentences) for people. C(would_delete) is what a scan would mark as deleted, C(passes_limit) whether that is
      too much.
  returned: always
  type: dict
  sample:
    total: 24
    unchanged: 12
    counts: {"moved": 12, "gone": 0, "new": 1, "resized": 0, "would_delete": 12}
    sample: {"gone": [], "new": ["/media/library/Music/C/x.flac"], "resized": []}
    proposals: [{"old": "/media/library/Music/B", "new": "/media/library/Music/Z", "files": 12, "confidence": certain}]
    passes_limit: false
    sentences: ["Of 24 files 12 are where the library has them; 12 moved, 0 are gone, 1 are new."]
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.census_comparison import passes_limit
from ..module_utils.drift_folders import folders, forget_times
from ..module_utils.drift_report import DriftError, look, proposed_mappings, report, write_proposal
from ..module_utils.path_mapping import MappingError
from ..module_utils.plex_db import PlexDatabaseError


def main() -> None:
    """Compare, propose, judge."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "sections": {"type": "list", "elements": "str", "default": []},
            "media_in_plex": {"type": "path", "required": True},
            "media_mount": {"type": "path", "required": True},
            "mappings": {"type": "path"},
            "proposal": {"type": "path"},
            "at_least": {"type": "int", "default": 20},
            "percent": {"type": "float", "default": 1},
            "look_again": {"type": "bool", "default": False},
            "fail": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    options = module.params
    changed = False
    try:
        drift, total = look(
            Path(options["directory"]), options["sections"], options["media_in_plex"], options["media_mount"]
        )
        if drift.proposals and options["proposal"] and not module.check_mode:
            used = Path(options["mappings"]) if options["mappings"] else None
            changed = write_proposal(Path(options["proposal"]), proposed_mappings(drift.proposals, used))
        if options["look_again"]:
            place, dry_run = Path(options["directory"]), module.check_mode
            changed = bool(forget_times(place, folders(drift), dry_run=dry_run)) or changed
    except (DriftError, PlexDatabaseError, MappingError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"The proposed mappings cannot be written: {error}.")
    passes = passes_limit(drift.would_delete, total, options["at_least"], options["percent"])
    told = report(drift, total, passes)
    if passes and options["fail"]:
        module.fail_json(msg=" ".join(told["sentences"]), drift=told, changed=changed)
    module.exit_json(drift=told, changed=changed)


if __name__ == "__main__":
    main()
