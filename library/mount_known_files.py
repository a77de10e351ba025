#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: mount_known_files
short_description: Open files that the library knows through the mount, and find out which times the home server saw
description:
  - Takes files of every section and kind, opens and reads them as the user of Plex, and says which cannot be read and
    why. Fails when more than O(tolerated) percent cannot be read. Nothing is changed.
  - Compares the times in the database with both that the bucket has. A server that sees others analyses again.
  - Compares the times of their folders in the database with those of the mount. A server that sees others looks into
    the folders again.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  directory:
    description: The directory of the databases, their paths mapped.
    type: path
    required: true
  media_in_plex:
    description: Where Plex sees the mount.
    type: path
    required: true
  path:
    description: Where the mount is on this machine.
    type: path
    required: true
  rclone:
    description: The program and its options, as a list; it is asked for times and for reasons.
    type: list
    elements: str
    required: true
  remote:
    description: What is mounted, as rclone names it.
    type: str
    required: true
  modtime:
    description: Which times the mount shows now.
    type: str
    choices: [metadata, server]
    default: metadata
  files:
    description: Number of files.
    type: int
    default: 24
  tolerated:
    description: Percent of the files that may be unreadable; drift tells what is missing.
    type: float
    default: 10
  uid:
    description: User who reads.
    type: int
    default: 1000
  gid:
    description: Group who reads.
    type: int
    default: 1000
  timeout:
    description: Seconds for everything, half of them for reading; what S3 is not asked in time is said so.
    type: float
    default: 120
"""

EXAMPLES = r"""
- name: Open files that the library knows
  mount_known_files:
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    media_in_plex: /media/library
    path: /srv/plex-burst/mnt/library
    rclone: [/opt/plex-burst/rclone, --config=/etc/plex-burst/rclone.conf]
    remote: library:bucket
"""

RETURN = r"""
read:
  description: How many files could be read.
  returned: always
  type: int
problems:
  description: What could not be read and why, a sentence each.
  returned: always
  type: list
  elements: str
modtime:
  description: Which times the mount should show.
  returned: success
  type: str
  sample: metadata
sentence:
  description: Why.
  returned: success
  type: str
folders:
  description: Whether the library has the times of folders that the mount shows; empty when none can be compared.
  returned: success
  type: str
"""

import calendar
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import bounded, plex_db, rclone_client
from ..module_utils.drift_folders import FORGOTTEN
from ..module_utils.known_files import Known, folders, policy, sample, seconds
from ..module_utils.mount_reading import as_user, first_bytes
from ..module_utils.s3_reasons import explain

_FILES = """
SELECT mi.library_section_id, mp.file, mp.updated_at, d.updated_at
FROM media_parts mp JOIN media_items mi ON mi.id = mp.media_item_id LEFT JOIN directories d ON d.id = mp.directory_id
WHERE mp.deleted_at IS NULL AND mi.library_section_id IS NOT NULL AND mp.file >= ? AND mp.file < ?
"""


def known_files(directory: str, media_in_plex: str, wanted: int) -> list[Known]:
    """Choose files of the database; paths relative to the mount."""
    root = media_in_plex.rstrip("/") + "/"
    with plex_db.reading(Path(directory) / plex_db.LIBRARY) as connection:
        # The successor of "/" ends the range.
        found = connection.execute(_FILES, (root, root[:-1] + "0")).fetchall()
    files = (Known(section, path[len(root) :], seconds(at), folder) for section, path, at, folder in found)
    return sample(files, wanted, random.Random())  # noqa: S311 - other files each time, no secret


def read_as(root: str, names: Sequence[str], asked: dict[str, Any]) -> tuple[dict[str, str], dict[str, int]]:
    """Read the beginning of each file as another user: what went wrong, by name, "" for nothing; its folder's time."""

    def work() -> bounded.Answer:
        # Below a key of its own: a file may be called like an error.
        said = {name: _beginning(f"{root}/{name}") for name in names}
        # The top of a bucket shows when it was mounted, so it has another time in each generation.
        shown = {name: _folder(f"{root}/{name}") for name in names if "/" in name and not said[name]}
        return {"said": said, "shown": shown}

    answer, why_not = as_user(work, asked["uid"], asked["gid"], asked["timeout"] / 2)
    return (dict.fromkeys(names, why_not), {}) if why_not else (answer["said"], answer["shown"])


def _folder(path: str) -> int:
    return int(Path(path).parent.stat().st_mtime)


def _beginning(path: str) -> str:
    count, why_not = first_bytes(path)
    return why_not or ("" if count else "it is empty")


def why(asked: dict[str, Any], name: str, said: str) -> str:
    """Ask S3 itself for the file that the mount did not give."""
    command = [*asked["rclone"], "cat", f"{asked['remote'].rstrip('/')}/{name}", "--head=1"]
    done = run([*command, "--retries=1", "--low-level-retries=1", "--contimeout=5s", "--timeout=5s"], asked["until"])
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return explain(lines[-1] if lines else "")
    return f"S3 gives it, the mount does not ({said}); check the rights of user {asked['uid']} and the guard's log"


def times(asked: dict[str, Any], names: Sequence[str], *options: str) -> dict[str, int]:
    """Read the modification times of some files of the bucket."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape") as listed:
        listed.write("\n".join(names) + "\n")
        listed.flush()
        command = [*asked["rclone"], "lsjson", "--recursive", "--files-only", "--no-mimetype", "--no-traverse"]
        done = run([*command, f"--files-from-raw={listed.name}", *options, asked["remote"]], asked["until"])
    entries = json.loads(done.stdout or "[]") if not done.returncode else []
    return {
        entry["Path"]: calendar.timegm(time.strptime(entry["ModTime"][:19], "%Y-%m-%dT%H:%M:%S")) for entry in entries
    }


def run(command: list[str], until: float) -> subprocess.CompletedProcess[str]:
    """Run rclone until that moment of the steady clock."""
    return rclone_client.run(command, max(0.0, until - time.monotonic()))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "media_in_plex": {"type": "path", "required": True},
            "path": {"type": "path", "required": True},
            "rclone": {"type": "list", "elements": "str", "required": True},
            "remote": {"type": "str", "required": True},
            "modtime": {"type": "str", "choices": ["metadata", "server"], "default": "metadata"},
            "files": {"type": "int", "default": 24},
            "tolerated": {"type": "float", "default": 10.0},
            "uid": {"type": "int", "default": 1000},
            "gid": {"type": "int", "default": 1000},
            "timeout": {"type": "float", "default": 120.0},
        },
        supports_check_mode=True,
    )
    asked = {**module.params, "until": time.monotonic() + module.params["timeout"]}
    try:
        chosen = known_files(asked["directory"], asked["media_in_plex"], asked["files"])
    except plex_db.PlexDatabaseError as error:
        module.fail_json(msg=str(error), read=0, problems=[])
    names = [known.path for known in chosen]
    read, shown = read_as(asked["path"], names, asked)
    failed = {name: said for name, said in read.items() if said}
    problems = [f"{name}: {why(asked, name, said)}" for name, said in sorted(failed.items())[:5]]
    told = {"read": len(names) - len(failed), "problems": problems}
    if len(failed) * 100 > asked["tolerated"] * len(names):
        module.fail_json(
            msg=f"{len(failed)} of {len(names)} files of the library cannot be read: {'; '.join(problems)}"
            f"{f'; and {len(failed) - len(problems)} more' if len(failed) > len(problems) else ''}.",
            **told,
        )
    home = {known.path: known.mtime for known in chosen if known.mtime}
    modtime, sentence = policy(home, times(asked, names), times(asked, names, "--use-server-modtime"), asked["modtime"])
    # What drift had the library forget is looked into on purpose.
    home_folders = {
        known.path: known.folder for known in chosen if known.folder and known.folder not in FORGOTTEN.values()
    }
    module.exit_json(changed=False, modtime=modtime, sentence=sentence, folders=folders(home_folders, shown), **told)


if __name__ == "__main__":
    main()
