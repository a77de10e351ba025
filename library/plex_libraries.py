#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_libraries
short_description: Make the libraries of a media server that has none yet
description:
  - Makes every library of a list whose title the server does not have. What is there already stays as it is.
  - A server scans a new library by itself. That scan is stopped, so that libraries can be scanned one after another.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
options:
  libraries:
    description:
      - The list, as the text of a JSON file. Each library has C(title), C(type) (V(movie), V(show), V(artist) or
        V(photo)) and C(paths) (directories as the server sees them), and may have C(agent), C(scanner) and C(language).
    type: str
    required: true
  names:
    description: Titles that somebody wants to work on; one that the list does not have is refused.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) makes what is missing.
      - V(read) only reads the list and refuses what cannot be made; the server is not asked.
    type: str
    choices: [present, read]
    default: present
"""

EXAMPLES = r"""
- name: Make the libraries
  plex_libraries:
    config: /srv/plex-burst/config
    libraries: "{{ lookup('ansible.builtin.file', 'plex_libraries.json') }}"
"""

RETURN = r"""
libraries:
  description: The libraries of the list, with all that was left out filled in.
  returned: success
  type: list
  elements: dict
  sample:
    - title: Music
      type: artist
      agent: tv.plex.agents.music
      scanner: Plex Music
      language: en-US
      paths: [/media/library/Music]
made:
  description: The titles of those that were not there.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.library_list import Library, LibraryListError, missing, parse
from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer, PlexServerError
from ..module_utils.section_choice import UnknownSectionError, choose

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "libraries": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "read"], "default": "present"},
}


def make(server: PlexServer, library: Library) -> None:
    """Make one library and stop the scan that the server begins by itself."""
    facts = [(name, getattr(library, name)) for name in ("type", "agent", "scanner", "language")]
    locations = [("location", path) for path in library.paths]
    reply = server.request("POST", "/library/sections", [("name", library.title), *facts, *locations])
    if not reply.ok:
        raise PlexServerError(f"The media server did not make the library {library.title}: {reply.words}.")
    for section in server.sections():
        if section["title"] == library.title:
            server.request("DELETE", f"/library/sections/{section['key']}/refresh")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        libraries = parse(module.params["libraries"])
        titled = [{"key": library.title, "title": library.title, "type": library.type} for library in libraries]
        choose(titled, module.params["names"], "the list of libraries")
        wanted: list[Library] = []
        if module.params["state"] == "present":
            server = PlexServer.local(module.params["url"], module.params["config"])
            wanted = missing(libraries, [section["title"] for section in server.sections()])
            for library in [] if module.check_mode else wanted:
                make(server, library)
    except LibraryListError as error:
        module.fail_json(msg=f"The list of libraries cannot be used: {error}.")
    except (PlexServerError, UnknownSectionError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(wanted),
        libraries=[library.as_dict() for library in libraries],
        made=[library.title for library in wanted],
    )


if __name__ == "__main__":
    main()
