#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: scaleway_resources
short_description: List what a project has at Scaleway, all pages
description:
  - Lists servers, volumes of both storage APIs, flexible addresses and security groups.
  - Changes nothing.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, scaleway_api]
options:
  zones:
    description: The zones to look at.
    type: list
    elements: str
    required: true
  project:
    description: The id of the project.
    type: str
    required: true
  tag:
    description: Only what carries exactly this tag. Provider-made root volumes carry none until we tag them.
    type: str
"""

EXAMPLES = r"""
- name: See what we have
  scaleway_resources:
    api_token: "{{ lookup('ansible.builtin.env', 'SCW_SECRET_KEY') }}"
    project: 22222222-2222-4222-8222-222222222222
    zones: [fr-par-1]
    tag: plex-burst
"""

RETURN = r"""
servers:
  description: The servers of all zones.
  returned: success
  type: list
  elements: dict
volumes:
  description: The volumes of the Instance API.
  returned: success
  type: list
  elements: dict
block_volumes:
  description: The volumes of the Block Storage API.
  returned: success
  type: list
  elements: dict
ips:
  description: The flexible addresses.
  returned: success
  type: list
  elements: dict
security_groups:
  description: The security groups.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.general.plugins.module_utils.scaleway import scaleway_argument_spec

from ..module_utils.scaleway_client import Client, list_resources
from ..module_utils.scaleway_errors import ScalewayError

KINDS = ("servers", "volumes", "block_volumes", "ips", "security_groups")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **scaleway_argument_spec(),
            "zones": {"type": "list", "elements": "str", "required": True},
            "project": {"type": "str", "required": True},
            "tag": {"type": "str"},
        },
        supports_check_mode=True,
    )
    client, tag = Client(module), module.params["tag"]
    try:
        listings = [list_resources(client, zone, module.params["project"]) for zone in module.params["zones"]]
    except ScalewayError as error:
        module.fail_json(msg=str(error))
    found = {
        kind: [row for listing in listings for row in listing[kind] if tag is None or tag in (row.get("tags") or [])]
        for kind in KINDS
    }
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
