"""A run's life at the provider as the role plays it, rent to proof, in one process that can be killed anywhere.

The modules are those of the role, called one after another with the role's options: `api_url`, `token`, `project`,
`zone`, `run_id`, `run_dir`, `volume_type`, `expires_at`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.testing import patch_module_args

from plugins.modules import scaleway_server, scaleway_switch_key

# Steps of the stand-in take no time; a reading that never comes true is a fault of the campaign.
TRIES = 200


def call(module: Any, options: dict[str, Any], **given: Any) -> dict[str, Any]:
    """Run a module once; its result, or SystemExit with its sentence."""
    common = {word: options[word] for word in ("api_url", "project", "run_id", "run_dir", "expires_at")}
    printed = io.StringIO()
    with (
        patch_module_args({**common, "api_token": options["token"], **given}),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    if result.get("failed"):
        raise SystemExit(f"{module.__name__}: {result['msg']}")
    return result


def until(read: Callable[[], dict[str, Any]], key: str) -> None:
    """What the role does with `until`, `retries` and `delay`."""
    for _ in range(TRIES):
        if read().get(key):
            return
        time.sleep(0.01)
    raise SystemExit(f"never {key}")


def live(options: dict[str, Any]) -> None:
    """Rent, wait, tidy, arm, remove, prove."""
    wish = {
        "zone": options["zone"],
        "commercial_type": "DEV1-S",
        "volume_type": options["volume_type"],
        "cloud_init": "#cloud-config\n",
    }

    def server(state: str) -> dict[str, Any]:
        return call(scaleway_server, options, state=state, **wish)

    server("present")
    until(lambda: server("found"), "ready")
    server("sealed")
    call(scaleway_switch_key, options)
    until(lambda: server("absent"), "finished")


def start(options: dict[str, Any], said: Path) -> int:
    """Begin a run in a process of its own and return its id; why it failed, if it does, is in `said`.

    Forked, because a new Python would take longer to import Ansible than all the calls take.
    """
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        # Ansible loads the system's certificates for each request, http or not: 50 ms each.
        ssl.SSLContext.load_default_certs = lambda *_: None  # type: ignore[method-assign]  # in this process alone
        live(options)
        code = 0
    except BaseException as error:  # noqa: BLE001 - a forked process must never return into its parent's code
        said.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    os._exit(code)
