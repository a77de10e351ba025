#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: scaleway_runs
short_description: See all runs of a project, and remove the forgotten ones, with nothing but credentials
description:
  - A run is known by its tag C(plex-burst-run=<run id>) on a resource of the project. No ledger is needed.
  - A run is forgotten when the moment of its tag C(plex-burst-expires) is past, or O(lifetime_minutes) after its
    beginning when it carries none. A machine is marked first and removed by a later call, after O(grace_minutes),
    unless it was heard of within O(silence_minutes).
  - A resource that is not a run's by exact name, tag and project is never touched.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, scaleway_api]
options:
  state:
    description:
      - V(listed) reads.
      - V(reaped) does one pass of marking and removing. Repeat it until RV(finished).
    type: str
    choices: [listed, reaped]
    default: listed
  zones:
    description: The zones to look at.
    type: list
    elements: str
    required: true
  project:
    description: The id of the project.
    type: str
    required: true
  lifetime_minutes:
    description: How long after its beginning a run without a tag of its own end is forgotten.
    type: int
    default: 5760
  grace_minutes:
    description: Minutes between the mark on a forgotten machine and its removal.
    type: int
    default: 15
  silence_minutes:
    description: A machine that was heard of within so many minutes is left alone.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Remove what was forgotten
  scaleway_runs:
    state: reaped
    api_token: "{{ lookup('ansible.builtin.env', 'SCW_SECRET_KEY') }}"
    project: 22222222-2222-4222-8222-222222222222
    zones: [fr-par-1, fr-par-2]
  register: reaping
  until: reaping.finished | default(false)
  retries: 60
  delay: 5
"""

RETURN = r"""
runs:
  description: One row per run and zone, with resources, age, price, end, last sign of life and verdict.
  returned: success
  type: list
  elements: dict
  sample:
    - run_id: 20260822T100000Z-0a1b
      zone: fr-par-1
      state: running
      commercial_type: GP1-S
      age_hours: 98.3
      eur_hour: 0.19914
      eur_so_far: 19.5755
      price_known: true
      expires_at: 2026-08-26T10:00:00Z
      heartbeat_at: null
      resources: [{kind: servers, id: 0b1c, name: plex-burst-20260822t100000z-0a1b}]
      verdict: marked
      sentence: "expired at 2026-08-26T10:00:00Z: marked, to be removed in 15 min"
finished:
  description: Whether nothing forgotten is on its way out. Marked machines wait for a later call.
  returned: when O(state=reaped)
  type: bool
left:
  description: The runs of which something is still there after this pass.
  returned: when O(state=reaped)
  type: list
  elements: str
problems:
  description: What could not be removed, one sentence each. It may cost money.
  returned: when O(state=reaped)
  type: list
  elements: str
message:
  description: What was done and what is waited for, in words.
  returned: success
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.general.plugins.module_utils.scaleway import scaleway_argument_spec

from ..module_utils.scaleway_client import Client
from ..module_utils.scaleway_errors import ScalewayError
from ..module_utils.scaleway_reaping import listed, reaped, told
from ..module_utils.scaleway_runs import Patience


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **scaleway_argument_spec(),
            "state": {"type": "str", "choices": ["listed", "reaped"], "default": "listed"},
            "zones": {"type": "list", "elements": "str", "required": True},
            "project": {"type": "str", "required": True},
            "lifetime_minutes": {"type": "int", "default": 5760},
            "grace_minutes": {"type": "int", "default": 15},
            "silence_minutes": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["api_token"] or not params["project"]:
        module.fail_json(msg="Scaleway needs a key and a project; set SCW_SECRET_KEY and SCW_DEFAULT_PROJECT_ID.")
    patience = Patience(params["lifetime_minutes"], params["grace_minutes"], params["silence_minutes"])
    client, zones, project = Client(module), params["zones"], params["project"]
    try:
        if params["state"] == "reaped":
            result = reaped(client, zones, project, patience, module.check_mode)
        else:
            rows = listed(client, zones, project, patience)
            message = "; ".join(told({**row, "done": []}) for row in rows) or "nothing of ours is there"
            result = {"changed": False, "runs": rows, "message": message}
    except ScalewayError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
