#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_sections
short_description: List the libraries of the media server and choose some by name
description:
  - Names are compared exactly, then without case. An unknown name is refused with the list of known ones.
  - Photo libraries are left out unless they are named.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
options:
  names:
    description: The names of the wanted libraries. Without any, all but photo libraries are meant.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Choose the music library
  plex_sections:
    config: /srv/plex-burst/config
    names: [Music]
  register: __plex_scan_chosen
"""

RETURN = r"""
sections:
  description: The chosen libraries, in the order of the server.
  returned: success
  type: list
  elements: dict
  sample:
    - {key: 5, title: Music, type: artist, refreshing: false, scanned_at: 1777585301, locations: [/media/Music]}
left_out:
  description: The names of all other libraries.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer, PlexServerError
from ..module_utils.section_choice import UnknownSectionError, choose

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "names": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    server = PlexServer.local(module.params["url"], module.params["config"])
    try:
        known = server.sections()
        chosen = choose(known, module.params["names"])
    except (PlexServerError, UnknownSectionError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=False,
        sections=chosen,
        left_out=[section["title"] for section in known if section not in chosen],
    )


if __name__ == "__main__":
    main()
