#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_preferences
short_description: Set preferences of the media server and read each one back
description:
  - Sets what differs in one batch, one by one when the server rejects the batch, and reads every value back.
  - Names that the server does not know or does not take are reported in RV(refused); they are no failure.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
attributes:
  diff_mode:
    support: full
options:
  values:
    description: The preferences by name. Required with O(state=set).
    type: dict
  snapshot:
    description:
      - A file on the target that remembers the value each preference had the first time it was changed.
      - Required with O(state=restored).
    type: path
  kept:
    description: Names that O(state=restored) leaves as they are, although the snapshot remembers another value.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(set) sets O(values).
      - V(restored) sets what O(snapshot) remembers, O(values) is ignored. Without a snapshot nothing happens.
    type: str
    choices: [set, restored]
    default: set
"""

EXAMPLES = r"""
- name: Keep the trash
  plex_preferences:
    config: /srv/plex-burst/config
    snapshot: /srv/plex-burst/samples/preferences.json
    values:
      autoEmptyTrash: false
      MusicAnalysisBehavior: never

- name: Put the preferences back
  plex_preferences:
    config: /srv/plex-burst/config
    snapshot: /srv/plex-burst/samples/preferences.json
    state: restored
"""

RETURN = r"""
differing:
  description: The values that were set, as the server spells them.
  returned: success
  type: dict
  sample: {"autoEmptyTrash": "false"}
refused:
  description: The names that did not take, one sentence each.
  returned: success
  type: list
  elements: str
  sample: ["GenerateChapterBehavior: not known to this server"]
previous:
  description: The values before.
  returned: success
  type: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import preferences
from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer, PlexServerError

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "values": {"type": "dict"},
    "snapshot": {"type": "path"},
    "kept": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["set", "restored"], "default": "set"},
}


def outcome(params: dict[str, Any], check_mode: bool) -> preferences.Outcome:
    """Set or restore; in check mode only compare."""
    snapshot = Path(params["snapshot"]) if params["snapshot"] else None
    restoring = params["state"] == "restored"
    wanted = preferences.recall(snapshot) if restoring and snapshot else params["values"]
    if restoring:
        wanted = {name: value for name, value in wanted.items() if name not in params["kept"]}
    server = PlexServer.local(params["url"], params["config"])
    before = preferences.read(server)
    previous = {name: before[name].value for name in wanted if name in before}
    changes = preferences.differing(before, wanted)
    if check_mode:
        known = {name: value for name, value in changes.items() if name in before}
        unknown = {name: "not known to this server" for name in changes if name not in before}
        return preferences.Outcome(previous, known, unknown)
    if snapshot and not restoring:
        # Remembered before the first change: a crash in between must not lose the owner's values.
        preferences.remember(snapshot, {name: previous[name] for name in changes if name in previous})
    return preferences.apply(server, before, changes)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "set", ["values"]), ("state", "restored", ["snapshot"])],
        supports_check_mode=True,
    )
    try:
        result = outcome(module.params, module.check_mode)
    except (PlexServerError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(result.differing),
        differing=result.differing,
        refused=[f"{name}: {words}" for name, words in sorted(result.refused.items())],
        previous=result.previous,
        diff={
            "before": {name: result.previous.get(name) for name in result.differing},
            "after": result.differing,
        },
    )


if __name__ == "__main__":
    main()
