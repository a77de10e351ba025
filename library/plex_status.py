#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_status
short_description: Read once how far the media server has come up
description:
  - Asks Docker, the server and its database once, and says in one sentence what is missing.
  - Waiting is done with C(until) around it.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
options:
  container:
    description: The name of the container.
    type: str
    default: plex
  database_dir:
    description: The directory of the databases. Without it the database is not asked.
    type: path
  timeout:
    description: How many seconds an answer may take.
    type: float
    default: 10
"""

EXAMPLES = r"""
- name: Wait until the server is ready
  plex_status:
    config: /srv/plex-burst/config
  register: __plex_docker_status
  until: __plex_docker_status.ready | default(false)
  retries: 30
  delay: 10
"""

RETURN = r"""
ready:
  description: The container runs, the server answers C(/identity), and the database can be read.
  returned: success
  type: bool
usable:
  description: It is ready, knows the account's token and lists its libraries.
  returned: success
  type: bool
hopeless:
  description: Whether waiting cannot help, because the container is gone or has ended.
  returned: success
  type: bool
processes:
  description: How many processes of each kind (server, scanner, deep, analyser) run in the container.
  returned: success
  type: dict
message:
  description: The state as one sentence.
  returned: success
  type: str
  sample: The server answers HTTP 503 (Plex Media Server is currently running database migrations.).
container_status:
  description: Docker's word for the container, V(missing) when there is none.
  returned: success
  type: str
running:
  description: Whether the container runs.
  returned: success
  type: bool
restarting:
  description: Whether Docker is between two starts of it.
  returned: success
  type: bool
restart_count:
  description: How often Docker started it again.
  returned: success
  type: int
oom_killed:
  description: Whether the kernel killed it for want of memory.
  returned: success
  type: bool
http_status:
  description: The HTTP status of C(/identity), 0 when nobody answered.
  returned: success
  type: int
body:
  description: The beginning of what the server answered.
  returned: success
  type: str
claimed:
  description: Whether the server belongs to an account.
  returned: success
  type: bool
version:
  description: The version of the server.
  returned: success
  type: str
machine_identifier:
  description: The identity of the server.
  returned: success
  type: str
token_present:
  description: Whether the server has its token. The token itself is never returned.
  returned: success
  type: bool
plex_pass:
  description: Whether the account may have its music analysed; null as long as the server does not know.
  returned: success
  type: bool
database:
  description: Whether the database can be read (ok, locked, missing, unreadable), or V(not asked).
  returned: success
  type: str
at:
  description: When it was asked, in seconds since 1970.
  returned: success
  type: float
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_container import inspect
from ..module_utils.plex_server import SERVER_ARGUMENTS, read_token
from ..module_utils.processes import count, read_processes
from ..module_utils.readiness import ask, assess

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "container": {"type": "str", "default": "plex"},
    "database_dir": {"type": "path"},
    "timeout": {"type": "float", "default": 10},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    now = time.time()
    container = inspect(module.run_command, module.params["container"])
    token = read_token(module.params["config"])
    processes = read_processes(container.identifier, container.pid) if container.pid else []
    answers = ask(module.params["url"], token, module.params["database_dir"], module.params["timeout"])
    facts = assess(container, bool(token), answers)
    # The sentence is also `msg`, so that a task that fails on it says it.
    module.exit_json(changed=False, at=round(now, 3), msg=facts["message"], processes=count(processes).kinds, **facts)


if __name__ == "__main__":
    main()
