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

from plugins.modules import scaleway_server

# Steps of the stand-in take no time; a reading that never comes true is a fault of the campaign.
TRIES = 200


def call(options: dict[str, Any], state: str) -> dict[str, Any]:
    """Run module scaleway_server once; its result, or SystemExit with its sentence."""
    given = {
        "state": state,
        "api_url": options["api_url"],
        "api_token": options["token"],
        "project": options["project"],
        "zone": options["zone"],
        "run_id": options["run_id"],
        "run_dir": options["run_dir"],
        "commercial_type": "DEV1-S",
        "volume_type": options["volume_type"],
        "expires_at": options["expires_at"],
        "cloud_init": "#cloud-config\n",
    }
    printed = io.StringIO()
    with patch_module_args(given), contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        scaleway_server.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    if result.get("failed"):
        raise SystemExit(f"{state}: {result['msg']}")
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
    call(options, "present")
    until(lambda: call(options, "found"), "ready")
    call(options, "sealed")
    until(lambda: call(options, "absent"), "finished")


if __name__ == "__main__":
    main()
