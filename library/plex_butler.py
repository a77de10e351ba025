#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: plex_butler
short_description: Start or stop a butler task of the media server
description:
  - The butler runs the server's long work, such as the Sonic analysis of all music that has none yet.
author: ["plex-burst maintainers"]
extends_documentation_fragment: [attributes, plex_server]
attributes:
  idempotent:
    support: partial
    details: [A task that came to its end between two calls is started again.]
options:
  task:
    description: The task by its name, such as V(MusicAnalysis). Required unless O(state=all_stopped).
    type: str
  state:
    description:
      - V(started) starts the task. That it runs already is fine.
      - V(stopped) stops it. That it does not run is fine.
      - V(all_stopped) stops all tasks and empties the queue.
    type: str
    choices: [started, stopped, all_stopped]
    default: started
"""

EXAMPLES = r"""
- name: Stop all background tasks
  plex_butler:
    config: /srv/plex-burst/config
    state: all_stopped

- name: Start the Sonic analysis
  plex_butler:
    config: /srv/plex-burst/config
    task: MusicAnalysis
"""

RETURN = r"""
already_running:
  description: Whether the task ran before it was started.
  returned: when O(state=started)
  type: bool
known:
  description: The tasks the server knows.
  returned: success
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.plex_server import SERVER_ARGUMENTS, PlexServer, PlexServerError, listed

ARGUMENTS: dict[str, dict[str, Any]] = {
    **SERVER_ARGUMENTS,
    "task": {"type": "str"},
    "state": {"type": "str", "choices": ["started", "stopped", "all_stopped"], "default": "started"},
}


def start(server: PlexServer, task: str) -> dict[str, Any]:
    """Start a task; 202 is the server's word for "it runs already"."""
    reply = server.request("POST", f"/butler/{task}")
    if not reply.ok:
        raise PlexServerError(f"The media server did not start {task}: {reply.words}.")
    return {"changed": reply.status != 202, "already_running": reply.status == 202}


def stop(server: PlexServer, task: str) -> dict[str, Any]:
    """Stop a task; 404 is the server's word for "it does not run"."""
    reply = server.request("DELETE", f"/butler/{task}")
    if not reply.ok and reply.status != 404:
        raise PlexServerError(f"The media server did not stop {task}: {reply.words}.")
    return {"changed": reply.ok}


def stop_all(server: PlexServer) -> dict[str, Any]:
    """Stop everything. Whether anything ran is told by the activities."""
    running = butler_runs(server)
    reply = server.request("DELETE", "/butler")
    if not reply.ok and reply.status != 404:
        raise PlexServerError(f"The media server did not stop its butler: {reply.words}.")
    return {"changed": running}


def butler_runs(server: PlexServer) -> bool:
    """Whether the server shows an activity of the butler."""
    return any(activity["type"] == "butler" for activity in server.activities())


def known_tasks(server: PlexServer) -> list[str]:
    """The tasks the server lists."""
    return [str(entry.get("name")) for entry in listed(server.get("/butler"), "ButlerTask")]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "started", ["task"]), ("state", "stopped", ["task"])],
        supports_check_mode=True,
    )
    task, state = module.params["task"], module.params["state"]
    server = PlexServer.local(module.params["url"], module.params["config"])
    try:
        known = known_tasks(server)
        if state != "all_stopped" and task not in known:
            module.fail_json(msg=f"Unknown butler task {task}: this server has {', '.join(known) or 'none'}.")
        if module.check_mode:
            result: dict[str, Any] = {"changed": state == "started" or butler_runs(server)}
        elif state == "started":
            result = start(server, task)
        else:
            result = stop(server, task) if state == "stopped" else stop_all(server)
    except PlexServerError as error:
        module.fail_json(msg=str(error))
    module.exit_json(known=known, **result)


if __name__ == "__main__":
    main()
