#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_account
short_description: Ask the owner's Plex account for its pass or a claim code, or take a server out of it
description:
  - Runs on the controller and speaks to plex.tv with the account's token, by python-plexapi.
  - The token goes into a header and is part of no result and no sentence.
author: ["plex-burst maintainers"]
requirements: ["plexapi >= 4.17"]
extends_documentation_fragment: [attributes]
attributes:
  idempotent:
    support: partial
    details: [Each O(state=claim) is given another code; a code that is not used ends by itself after four minutes.]
options:
  token:
    description: The token of the account.
    type: str
    required: true
  base_url:
    description: Where plex.tv is; another address only for tests.
    type: str
    default: https://plex.tv
  state:
    description:
      - V(read) tells whether the account has a Plex Pass.
      - V(claim) asks for a fresh claim code.
      - V(absent) takes the server with O(machine_identifier) out of the account. That it is not there is fine.
    type: str
    choices: [read, claim, absent]
    default: read
  machine_identifier:
    description: The identity of the server, exact. Required with O(state=absent).
    type: str
"""

EXAMPLES = r"""
- name: Ask for a claim code
  plex_account:
    token: "{{ plex_docker_account_token }}"
    state: claim
  delegate_to: localhost
  no_log: true
  register: __plex_docker_fetched
"""

RETURN = r"""
plex_pass:
  description: Whether the account has an active Plex Pass.
  returned: when O(state=read)
  type: bool
claim:
  description: A claim code, valid for four minutes. Call with C(no_log).
  returned: when O(state=claim), not in check mode
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_account import account

ARGUMENTS: dict[str, dict[str, Any]] = {
    "token": {"type": "str", "required": True, "no_log": True},
    "base_url": {"type": "str", "default": "https://plex.tv"},
    "state": {"type": "str", "choices": ["read", "claim", "absent"], "default": "read"},
    "machine_identifier": {"type": "str"},
}


def remove(owner: Any, machine_identifier: str, *, check_mode: bool) -> dict[str, Any]:
    """Take the one server of this identity out of the account; any other device is somebody else's."""
    found = [device for device in owner.devices() if device.clientIdentifier == machine_identifier]
    for device in [] if check_mode else found:
        device.delete()
    return {"changed": bool(found)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_if=[("state", "absent", ["machine_identifier"])], supports_check_mode=True
    )
    params = module.params
    try:
        owner = account(params["token"], params["base_url"])
        if params["state"] == "read":
            result: dict[str, Any] = {"changed": False, "plex_pass": bool(owner.subscriptionActive)}
        elif params["state"] == "claim":
            result = {"changed": True} if module.check_mode else {"changed": True, "claim": str(owner.claimToken())}
        else:
            result = remove(owner, params["machine_identifier"], check_mode=module.check_mode)
    except Exception as error:  # noqa: BLE001 - plexapi lets through whatever requests and its parsers raise
        module.fail_json(msg=f"plex.tv did not answer for the account ({type(error).__name__}): {words(error)}")
    module.exit_json(**result)


def words(error: Exception) -> str:
    """What went wrong, without the page that plex.tv wraps around it."""
    said = " ".join(str(error).split())
    # plexapi puts the status first; the address that follows may hold the same digits.
    if said.startswith("(401)") or type(error).__name__ == "Unauthorized":
        return "the token is not valid; sign in again and set PLEX_TOKEN, or give PLEX_CLAIM by hand."
    return f"{said[:200]}; try again later, or give PLEX_CLAIM by hand."


if __name__ == "__main__":
    main()
