#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: scaleway_switch_key
short_description: Make the API key with which a rented machine can end itself
description:
  - Makes an IAM application, a policy that gives it C(InstancesFullAccess) in one project, and a key that expires,
    all under the name and tag of the run. M(scaleway_server) removes them with the machine.
  - The ledger knows that they were asked for before they are. The secret is in the result alone, never in the ledger.
  - An owner's key without rights in IAM is no failure; RV(message) then says what the switch cannot do.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, scaleway_api]
attributes:
  idempotent:
    support: none
    details: [A secret is shown once. Each call makes a new key and removes the one before.]
options:
  project:
    description: The id of the project in which the key may act.
    type: str
    required: true
  run_id:
    description: The run, as C(20260822T100000Z-0a1b).
    type: str
    required: true
  run_dir:
    description: The run directory with the ledger.
    type: path
    required: true
  expires_at:
    description: When the key ends by itself, as C(2026-08-26T11:00:00Z).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Make the key of the switch
  scaleway_switch_key:
    api_token: "{{ lookup('ansible.builtin.env', 'SCW_SECRET_KEY') }}"
    project: 22222222-2222-4222-8222-222222222222
    run_id: 20260822T100000Z-0a1b
    run_dir: .runs/20260822T100000Z-0a1b
    expires_at: "2026-08-26T11:00:00Z"
  register: made
  no_log: true
"""

RETURN = r"""
secret_key:
  description: The secret of the key; empty when none could be made.
  returned: success
  type: str
message:
  description: What was made, or why nothing was.
  returned: success
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.community.general.plugins.module_utils.scaleway import scaleway_argument_spec

from ..module_utils import ledger as ledgers
from ..module_utils.scaleway_boot import find
from ..module_utils.scaleway_client import Client
from ..module_utils.scaleway_errors import ScalewayError, refuse
from ..module_utils.scaleway_judgement import Identity
from ..module_utils.scaleway_key import make_key, may_not

WITHOUT = (
    "The API key has no right to make another one (IAMManager), so the machine can only power itself off, "
    "which keeps billing; give it a key of its own with BURST_SCW_SWITCH_KEY."
)


def made(client: Client, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Make the key for the run's server."""
    run_id = ledgers.checked_run_id(params["run_id"])
    machine = ledgers.read(params["run_dir"])["machine"]
    intent = machine.get("intent") or {}
    identity = Identity(run_id, f"plex-burst-{run_id.lower()}", params["project"], str(intent.get("zone", "")))
    server = find(client, identity, machine) if machine.get("server_id") else None
    if server is None:
        raise refuse(f"Run {run_id} has no machine that a key could be for; the stage provision makes one.")
    if check:
        return {"changed": True, "secret_key": "", "message": f"a key for {identity.name} would be made"}
    try:
        secret = make_key(client, identity, server, params["run_dir"], params["expires_at"])
    except ScalewayError as error:
        if not may_not(error):
            raise
        ledgers.merge(params["run_dir"], {"machine": {"switch_key": "refused"}})
        return {"changed": False, "secret_key": "", "message": WITHOUT}
    return {"changed": True, "secret_key": secret, "message": f"a key for {identity.name} until {params['expires_at']}"}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **scaleway_argument_spec(),
            "project": {"type": "str", "required": True},
            "run_id": {"type": "str", "required": True},
            "run_dir": {"type": "path", "required": True},
            # The moment at which a key ends is no secret, whatever the option is called.
            "expires_at": {"type": "str", "required": True, "no_log": False},
        },
        supports_check_mode=True,
    )
    try:
        result = made(Client(module), module.params, module.check_mode)
    except (ScalewayError, ledgers.LedgerError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
