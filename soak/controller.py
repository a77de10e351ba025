"""A run's life at the provider as the role plays it, rent to proof, in one process that can be killed anywhere.

The modules are those of the role, called one after another with the role's options. Options come as JSON in the
first argument: `api_url`, `token`, `project`, `zone`, `run_id`, `run_dir`, `volume_type`, `expires_at`.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
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


def main() -> None:
    """Rent, wait, tidy, remove, prove."""
    options: dict[str, Any] = json.loads(sys.argv[1])
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


if __name__ == "__main__":
    main()
