#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_trash
short_description: Empty the trash of one library, if the media server itself says that its files are gone
description:
  - Items whose files a scan did not find are soft-deleted and stay in the library; emptying the trash removes them for
    good. Before that the server is asked (C(checkFiles=1)) for some of these files, which must all be gone, and for
    files of the same folders that are not in the trash, which must all be there. Every doubt keeps the trash.
  - The server answers at once and works on. Call it with O(state=compared) in an C(until) loop to wait for the end, and
    to see that what was in the trash was removed and nothing else.
  - What stands in the way is told in RV(result) and is no failure.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_databases, plex_server]
options:
  section:
    description: The key of the library.
    type: int
    required: true
  title:
    description: The name of the library, for RV(result).
    type: str
    default: ""
  state:
    description:
      - V(checked) says whether the trash may be emptied.
      - V(emptied) looks once more, writes O(record), and has the server empty the trash.
      - V(compared) reads what has become of the rows in O(record).
    type: str
    choices: [checked, emptied, compared]
    default: checked
  doubts:
    description: Sentences that begin with a small letter, each a reason why the trash must stay.
    type: list
    elements: str
    default: []
  scans:
    description: How the scans of the run ended, as the ledger has it. That of this library must be done.
    type: list
    elements: dict
    default: []
  sample_size:
    description: About how many items of the trash to ask the server about, and how many others.
    type: int
    default: 20
  record:
    description: A file on the target with the numbers of the rows that must go, and of those that must stay.
    type: path
  backup:
    description: Where the databases from before are, for RV(result).
    type: str
    default: ""
  timeout:
    description: Seconds to wait for a database that is locked.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: See whether the trash of the music library may be emptied
  plex_trash:
    config: /srv/plex-burst/config
    directory: /srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases
    section: 5
    scans: [{section: 5, verdict: done}]
"""

RETURN = r"""
verdict:
  description:
    - V(nothing) is in the trash; it is V(kept); it V(may_be_emptied).
    - After the server was asked to, it is V(emptied), or something is left (V(partial)), or rows are gone that were not
      in it, or nobody can read which (V(failed)).
  returned: success
  type: str
  sample: emptied
message:
  description: The same as the second half of a sentence.
  returned: success
  type: str
  sample: "the trash was emptied: 3 items and 3 files that are gone, and nothing else"
asked:
  description: Whether the server was asked to empty the trash, and may have begun.
  returned: success
  type: bool
finished:
  description: Whether there is nothing to wait for.
  returned: success
  type: bool
result:
  description: What of it goes into the ledger; C(items) is how many the trash gave up.
  returned: success
  type: dict
  sample: {"section": 5, "title": "Music", "items": 0, "verdict": "nothing", "message": "nothing is in the trash"}
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import trash, trash_reading
from ..module_utils.plex_db import LIBRARY, PlexDatabaseError, reading
from ..module_utils.plex_server import SERVER_ARGUMENTS, UNREACHABLE, PlexServer, PlexServerError
from ..module_utils.trash import Judgement
from ..module_utils.trash_rows import Rows, record, samples

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "directory": {"type": "path", "required": True},
    "section": {"type": "int", "required": True},
    "title": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["checked", "emptied", "compared"], "default": "checked"},
    "doubts": {"type": "list", "elements": "str", "default": []},
    "scans": {"type": "list", "elements": "dict", "default": []},
    "sample_size": {"type": "int", "default": 20},
    "record": {"type": "path"},
    "backup": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 10.0},
}


def read(params: dict[str, Any]) -> Rows:
    """Read the library."""
    with reading(Path(params["directory"]) / LIBRARY, params["timeout"]) as connection:
        return trash_reading.read(connection, params["section"])


def refreshing(server: PlexServer, section: int) -> bool:
    """Tell whether the server scans the library."""
    return any(entry["refreshing"] for entry in server.sections() if entry["key"] == section)


def check(server: PlexServer, params: dict[str, Any]) -> tuple[Judgement, Rows]:
    """Say whether the trash may be emptied. The server is asked only when nothing else stands in the way."""
    rows, section = read(params), params["section"]
    doubts = [*params["doubts"], *trash.doubt_of_scans(params["scans"], section)]
    if refreshing(server, section):
        doubts.append("it is being scanned")
    answers = []
    if rows.marked_parts and not doubts:
        answers = trash_reading.ask(server, rows, samples(rows, params["sample_size"]))
    return trash.may_be_emptied(rows, answers, doubts), rows


def empty(server: PlexServer, params: dict[str, Any], rows: Rows) -> tuple[Judgement, bool]:
    """Have the server empty the trash; say how that went, and whether it may have begun."""
    trash_reading.write_record(Path(params["record"]), record(rows))
    reply = server.request("PUT", f"/library/sections/{params['section']}/emptyTrash")
    if reply.ok:
        return Judgement(trash.PARTIAL, "the server was asked to empty the trash"), True
    # One that does not answer in time, or ends with an error of its own, may have begun.
    words = f"the server did not empty the trash: {reply.words}"
    begun = reply.status == UNREACHABLE or reply.status >= 500
    return Judgement(trash.PARTIAL if begun else trash.KEPT, words), begun


def compare(server: PlexServer, params: dict[str, Any]) -> tuple[Judgement, bool]:
    """Say what has become of the rows, and whether that was to be seen."""
    before = trash_reading.read_record(Path(params["record"]))
    if before is None:
        return Judgement(trash.FAILED, f"nobody can tell what was in the trash: {params['record']} is missing"), True
    try:
        judgement = trash.compare(before, read(params), refreshing=refreshing(server, params["section"]))
    except (PlexServerError, PlexDatabaseError) as error:
        return Judgement(trash.FAILED, f"nobody can read what emptying the trash has removed: {error}"), False
    if params["backup"]:
        words = f"{judgement.message}; the databases from before are in {params['backup']}"
        judgement = replace(judgement, message=words)
    return judgement, judgement.verdict != trash.PARTIAL


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "emptied", ("record",)), ("state", "compared", ("record",))],
    )
    params, changed, asked, finished = module.params, False, False, True
    server = PlexServer.local(params["url"], params["config"])
    if params["state"] == "compared":
        judgement, finished = compare(server, params)
    else:
        try:
            judgement, rows = check(server, params)
            if params["state"] == "emptied" and judgement.verdict == trash.MAY_BE_EMPTIED:
                changed = True
                if not module.check_mode:
                    judgement, asked = empty(server, params, rows)
                    finished = not asked
        except (PlexServerError, PlexDatabaseError, OSError) as error:
            judgement = Judgement(trash.KEPT, f"the trash stays, because nobody can tell what is in it: {error}")
    told = {"verdict": judgement.verdict, "message": judgement.message}
    module.exit_json(
        changed=changed and (asked or module.check_mode),
        asked=asked,
        finished=finished,
        result={"section": params["section"], "title": params["title"], "items": judgement.items, **told},
        **told,
    )


if __name__ == "__main__":
    main()
