#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_section_names
short_description: Choose sections of a library by their names
description:
  - A name matches exactly, else without regard to case. An unknown name is refused with the list of known ones.
  - Without names all sections are chosen but photo sections, which Plex handles badly and which are better kept
    elsewhere.
  - Reads nothing and changes nothing; it judges what M(plex_db_check) found.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes]
options:
  known:
    description: The sections of the library, with C(id), C(name) and C(type) as M(plex_db_check) returns them.
    type: list
    elements: dict
    required: true
  names:
    description: The names to choose.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Choose the sections
  plex_section_names:
    known: "{{ checked.sections }}"
    names: [Music]
  register: chosen
"""

RETURN = r"""
sections:
  description: The chosen sections, in the order of the library.
  returned: success
  type: list
  elements: dict
  sample: [{"id": 5, "name": "Music", "type": "artist"}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.section_choice import UnknownSectionError, choose


def as_the_server_tells(section: dict[str, Any]) -> dict[str, Any]:
    """A section as plex_db_check returns it, under the names of the HTTP API, which the choice is made in."""
    return {"key": section["id"], "title": section["name"], "type": section["type"]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "known": {"type": "list", "elements": "dict", "required": True},
            "names": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        known = [as_the_server_tells(section) for section in module.params["known"]]
        chosen = choose(known, module.params["names"], "the home library")
    except UnknownSectionError as error:
        module.fail_json(msg=str(error))
    keys = [section["key"] for section in chosen]
    module.exit_json(changed=False, sections=[section for section in module.params["known"] if section["id"] in keys])


if __name__ == "__main__":
    main()
