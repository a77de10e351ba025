#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_section_refresh
short_description: Ask the media server to scan one library, or to stop scanning it
description:
  - The server answers at once and works on; whether it is done is told by M(plex_phase).
author: ["plex-burst maintainers"]
extends_documentation_fragment: [plex_server]
attributes:
  check_mode:
    description: Whether it can say what it would do without doing it.
    support: full
  diff_mode:
    description: Whether it shows what changes.
    support: none
  idempotent:
    description: Whether a second call changes nothing.
    support: none
    details: [A scan that is over is started again; that is what it is for.]
options:
  section:
    description: The key of the library.
    type: int
    required: true
  force:
    description:
      - Refresh all metadata of the library, also of what did not change. This can take hours.
    type: bool
    default: false
  state:
    description:
      - V(started) asks for a scan.
      - V(cancelled) stops one.
    type: str
    choices: [started, cancelled]
    default: started
"""

EXAMPLES = r"""
- name: Scan the music library
  plex_section_refresh:
    config: /srv/plex-burst/config
    section: 5
"""

RETURN = r"""
http_status:
  description: What the server answered.
  returned: success
  type: int
  sample: 200
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "section": {"type": "int", "required": True},
    "force": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["started", "cancelled"], "default": "started"},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=True)
    started = module.params["state"] == "started"
    server = PlexServer.local(module.params["url"], module.params["config"])
    reply = server.request(
        "GET" if started else "DELETE",
        f"/library/sections/{module.params['section']}/refresh",
        {"force": "1"} if started and module.params["force"] else None,
    )
    if not reply.ok:
        asked = "scan" if started else "stop scanning"
        module.fail_json(
            msg=f"The media server did not {asked} section {module.params['section']}: {reply.words}.",
            http_status=reply.status,
        )
    module.exit_json(changed=True, http_status=reply.status)


if __name__ == "__main__":
    main()
