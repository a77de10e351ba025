#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: scaleway_server
short_description: Rent one Scaleway server for a run, or remove it with proof
description:
  - Works one step at a time, seconds long, so that waiting is an C(until) loop around it.
  - Writes the ledger of the run before and after each call that can cost money.
  - Finds the server by the id in the ledger, else by exact name, run tag and project. A create call whose
    answer was lost is looked for and adopted, never repeated.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, scaleway_api]
attributes:
  check_mode:
    support: full
    details: [With O(state=present) everything that can be known to fail is checked.]
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) creates or adopts the server, its security group and user-data, and powers it on.
      - V(found) only reads, and fails when there is no such server.
      - V(sealed) deletes the user-data, which holds the one-time host key.
      - V(absent) does one pass of removing server, volumes, addresses and security group. Repeat it until
        RV(finished), which means that it is proven.
    type: str
    choices: [present, found, sealed, absent]
    default: present
  zone:
    description: The zone, as C(fr-par-1).
    type: str
    required: true
  project:
    description: The id of the project that owns everything.
    type: str
    required: true
  run_id:
    description: The run, as C(20260822T100000Z-0a1b).
    type: str
    required: true
  run_dir:
    description: The run directory with the ledger. Only O(state=absent) works without one.
    type: path
  name:
    description: The exact name. Without it, C(plex-burst-) and the run id in lower case.
    type: str
  commercial_type:
    description: The server type, as C(GP1-S). Needed for O(state=present).
    type: str
  image:
    description: A marketplace label or the id of an image.
    type: str
    default: debian_bookworm
  volume_type:
    description: The kind of root volume. V(l_ssd) is removed together with the server.
    type: str
    choices: [l_ssd, sbs_volume]
    default: l_ssd
  volume_size:
    description: The size of the root volume in bytes.
    type: int
    default: 10000000000
  fallbacks:
    description: Where else to ask, in this order, when the machine is out of stock.
    type: list
    elements: dict
    default: []
    suboptions:
      zone:
        description: Another zone; without it, O(zone).
        type: str
      commercial_type:
        description: Another server type; without it, O(commercial_type).
        type: str
  max_eur:
    description: EUR that the run may cost; a machine whose first hour costs more is refused. V(0) is no limit.
    type: float
    default: 0
  zones:
    description: Where O(state=absent) looks beside O(zone) when no ledger says where the run asked.
    type: list
    elements: str
    default: []
  expires_at:
    description: When the machine is of no use any more, for whoever finds it forgotten, as C(2026-08-22T10:00:00Z).
    type: str
  ssh_from:
    description: Networks that may reach port 22; nothing else comes in.
    type: list
    elements: str
    default: ["0.0.0.0/0"]
  cloud_init:
    description: The user-data of the first boot.
    type: str
    default: "#cloud-config\n"
"""

EXAMPLES = r"""
- name: Rent a machine
  scaleway_server:
    api_token: "{{ lookup('ansible.builtin.env', 'SCW_SECRET_KEY') }}"
    project: 22222222-2222-4222-8222-222222222222
    zone: fr-par-1
    run_id: 20260822T100000Z-0a1b
    run_dir: .runs/20260822T100000Z-0a1b
    commercial_type: GP1-S
    volume_size: 100000000000

- name: Remove it, with proof
  scaleway_server:
    state: absent
    api_token: "{{ lookup('ansible.builtin.env', 'SCW_SECRET_KEY') }}"
    project: 22222222-2222-4222-8222-222222222222
    zone: fr-par-1
    run_id: 20260822T100000Z-0a1b
    run_dir: .runs/20260822T100000Z-0a1b
  register: removal
  until: removal.finished | default(false)
  retries: 60
  delay: 5
"""

RETURN = r"""
server:
  description: The server as the API shows it.
  returned: when there is one
  type: dict
address:
  description: The public IPv4 address.
  returned: when there is one
  type: str
  sample: 203.0.113.7
ready:
  description: Whether the server runs and has an address. Its operating system may still be booting.
  returned: unless O(state=absent)
  type: bool
finished:
  description: Whether nothing is left and this is proven.
  returned: when O(state=absent)
  type: bool
proof:
  description: What was looked at to prove it. It is in the ledger too.
  returned: when finished
  type: dict
message:
  description: What is being waited for, in words.
  returned: success
  type: str
  sample: plex-burst-20260822t100000z-0a1b is starting (provisioning node), no address yet
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.general.plugins.module_utils.scaleway import scaleway_argument_spec

from ..module_utils import ledger as ledgers
from ..module_utils.scaleway_client import Client
from ..module_utils.scaleway_errors import ScalewayError
from ..module_utils.scaleway_judgement import Identity
from ..module_utils.scaleway_states import absent, found, present, sealed

STATES = {"present": present, "found": found, "sealed": sealed, "absent": absent}


def options() -> dict[str, Any]:
    """The argument spec: the client's own, and ours."""
    return {
        **scaleway_argument_spec(),
        "state": {"type": "str", "choices": list(STATES), "default": "present"},
        "zone": {"type": "str", "required": True},
        "project": {"type": "str", "required": True},
        "run_id": {"type": "str", "required": True},
        "run_dir": {"type": "path"},
        "name": {"type": "str"},
        "commercial_type": {"type": "str"},
        "image": {"type": "str", "default": "debian_bookworm"},
        "volume_type": {"type": "str", "choices": ["l_ssd", "sbs_volume"], "default": "l_ssd"},
        "volume_size": {"type": "int", "default": 10_000_000_000},
        "fallbacks": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"zone": {"type": "str"}, "commercial_type": {"type": "str"}},
        },
        "max_eur": {"type": "float", "default": 0},
        "zones": {"type": "list", "elements": "str", "default": []},
        "expires_at": {"type": "str"},
        "ssh_from": {"type": "list", "elements": "str", "default": ["0.0.0.0/0"]},
        # It carries the machine's host key.
        "cloud_init": {"type": "str", "default": "#cloud-config\n", "no_log": True},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=options(),
        required_if=[("state", state, ("run_dir",)) for state in ("present", "found", "sealed")]
        + [("state", "present", ("commercial_type",))],
        supports_check_mode=True,
    )
    params = module.params
    if not params["api_token"] or not params["project"]:
        module.fail_json(msg="Scaleway needs a key and a project; set SCW_SECRET_KEY and SCW_DEFAULT_PROJECT_ID.")
    try:
        run_id = ledgers.checked_run_id(params["run_id"])
        name = params["name"] or f"plex-burst-{run_id.lower()}"
        identity = Identity(run_id, name, params["project"], params["zone"])
        result = STATES[params["state"]](Client(module), identity, params, module.check_mode)
    except (ScalewayError, ledgers.LedgerError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
