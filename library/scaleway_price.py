#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: scaleway_price
short_description: Say what a machine costs per hour, with its volume and its address
description:
  - The price of the machine itself is read from the provider's price list, which anybody may read. When the list
    cannot be read, recorded prices are used, and RV(source) says of which day.
  - Changes nothing. EUR without VAT.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, scaleway_api]
options:
  api_token:
    description: The secret key of the API. The price list needs none.
    type: str
    default: ""
    aliases: [oauth_token]
  zone:
    description: The zone, as C(fr-par-1).
    type: str
    required: true
  commercial_type:
    description: The server type, as C(GP1-S).
    type: str
    required: true
  volume_type:
    description: The kind of root volume.
    type: str
    choices: [l_ssd, sbs_volume]
    default: l_ssd
  volume_size:
    description: The size of the root volume in bytes.
    type: int
    default: 10000000000
"""

EXAMPLES = r"""
- name: Ask for a price
  scaleway_price:
    zone: fr-par-1
    commercial_type: GP1-S
    volume_size: 100000000000
"""

RETURN = r"""
price:
  description: EUR per hour of the parts C(compute), C(volume), C(address), their sum C(hourly), and the C(source).
  returned: success
  type: dict
  sample: {compute: 0.19074, volume: 0.0044, address: 0.004, hourly: 0.19914, source: the provider's price list}
storage_date:
  description: From when the prices of volumes and addresses are; they are recorded ones always.
  returned: success
  type: str
  sample: 2025-03
commercial_type:
  description: The server type that the price is of.
  returned: success
  type: str
zone:
  description: The zone that the price is of.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.general.plugins.module_utils.scaleway import scaleway_argument_spec

from ..module_utils.prices import COMPUTE, STORAGE_DATE, machine_price
from ..module_utils.scaleway_client import Client
from ..module_utils.scaleway_errors import ScalewayError


def main() -> None:
    """Run the module."""
    specification = scaleway_argument_spec()
    specification["api_token"] |= {"required": False, "default": ""}
    module = AnsibleModule(
        argument_spec={
            **specification,
            "zone": {"type": "str", "required": True},
            "commercial_type": {"type": "str", "required": True},
            "volume_type": {"type": "str", "choices": ["l_ssd", "sbs_volume"], "default": "l_ssd"},
            "volume_size": {"type": "int", "default": 10_000_000_000},
        },
        supports_check_mode=True,
    )
    params = module.params
    zone, commercial_type = params["zone"], params["commercial_type"]
    try:
        types, problem = Client(module).server_types(zone), ""
    except ScalewayError as error:
        types, problem = {}, str(error)
    price = machine_price(zone, commercial_type, params["volume_type"], params["volume_size"], types)
    if price is not None:
        facts = {"commercial_type": commercial_type, "zone": zone, "storage_date": STORAGE_DATE}
        module.exit_json(changed=False, price=price.as_facts(), **facts)
    known = ", ".join(types or COMPUTE)
    module.fail_json(msg=f'No price of "{commercial_type}" in {zone} is known; there is one of {known}. {problem}')


if __name__ == "__main__":
    main()
