#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_section_refresh
short_description: Ask the media server to scan or analyse one library, or to stop scanning it
description:
  - The server answers at once and works on; whether it is done is told by M(plex_phase).
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
attributes:
  idempotent:
    support: none
    details: [A scan that is over is started again; that is what it is for.]
options:
  section:
    description: The key of the library.
    type: int
    required: true
  force:
    description:
      - Look into folders that did not change, too, and refresh all metadata of what is in them. This can take hours,
        except for a folder named with O(path).
    type: bool
    default: false
  path:
    description: Scan nothing but this folder and what is below it; as the server sees it. Only with O(work=scan).
    type: str
    default: ""
  work:
    description:
      - V(scan) looks which files there are.
      - V(media_analysis) looks into the files that were not looked into yet. It never begins a Sonic analysis.
    type: str
    choices: [scan, media_analysis]
    default: scan
  state:
    description:
      - V(started) asks for the work.
      - V(cancelled) stops a scan; the server has no such order for an analysis.
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
    "path": {"type": "str", "default": ""},
    "work": {"type": "str", "choices": ["scan", "media_analysis"], "default": "scan"},
    "state": {"type": "str", "choices": ["started", "cancelled"], "default": "started"},
}


def order(
    work: str, section: int, started: bool, force: bool = False, path: str = ""
) -> tuple[str, str, dict[str, str] | None]:
    """Method, path and query of what the server is asked."""
    if work == "media_analysis":
        return "PUT", f"/library/sections/{section}/analyze", None
    asked = f"/library/sections/{section}/refresh"
    if not started:
        return "DELETE", asked, None
    query = ({"force": "1"} if force else {}) | ({"path": path} if path else {})
    return "GET", asked, query or None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    section, work, started = module.params["section"], module.params["work"], module.params["state"] == "started"
    if work == "media_analysis" and not started:
        module.fail_json(msg="A media analysis cannot be cancelled: leave out state, or work.")
    if module.check_mode:
        module.exit_json(changed=True)
    server = PlexServer.local(module.params["url"], module.params["config"])
    reply = server.request(*order(work, section, started, module.params["force"], module.params["path"]))
    if not reply.ok:
        asked = {"scan": "scan" if started else "stop scanning", "media_analysis": "analyse"}[work]
        module.fail_json(
            msg=f"The media server did not {asked} section {section}: {reply.words}.",
            http_status=reply.status,
        )
    module.exit_json(changed=True, http_status=reply.status)


if __name__ == "__main__":
    main()
