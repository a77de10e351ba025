"""A controller killed after any call of a create and teardown leaves nothing that is ours, and nothing else is touched.

The controller dies by SIGKILL when the provider has done its N-th call, before or after the answer left. Then either
whoever clears up comes with nothing but credentials, days later (`reap`), or the owner removes the run from its
ledger (`destroy`). Ten servers that look like ours, and what belongs to them, must be as they were.
"""
# Longer than other files by a few lines: the one case that is run, with the look-alikes it must not touch.

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ansible.module_utils.testing import patch_module_args

from module_utils import ledger
from plugins.modules import scaleway_runs, scaleway_server
from soak.campaign import BrokenPromiseError
from soak.controller import start
from soak.provider import PROJECT, TOKEN, ZONE, Fate, Provider

SAMPLE = 12
# The table of every case is the result: what was killed where, and what it took to be rid of it.
KEEP_ROWS = 1000
LIFETIME = timedelta(hours=96)
# Until then a create call without an answer may still have made a machine.
UNANSWERED = timedelta(seconds=31)
PASSES = 40
# More calls than a create and teardown make: beyond the last one the controller simply ends.
MOST_CALLS = 76
# How the controller dies (before or after the answer left), on which disk, and who clears up.
WAYS = (
    ("lost", "sbs_volume", "reap"),
    ("sent", "sbs_volume", "reap"),
    ("lost", "l_ssd", "destroy"),
    ("sent", "l_ssd", "reap"),
    ("lost", "l_ssd", "reap"),
    ("sent", "sbs_volume", "destroy"),
    ("lost", "sbs_volume", "destroy"),
    ("sent", "l_ssd", "destroy"),
)


def cases(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Every call in one way after the other; fewer cases than calls are drawn from all of them."""
    every = [
        {"after": after, "answer": answer, "volume": volume, "then": then}
        for answer, volume, then in WAYS
        for after in range(1, MOST_CALLS + 1)
    ]
    if count >= MOST_CALLS:
        return iter(every[:count])
    return (every[index] for index in sorted(random.Random(seed).sample(range(len(every)), count)))


def run(case: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """Kill, let time pass, clear up, count."""
    provider = Provider(workdir / "provider")
    with provider.serving():
        run_id = ledger.new_run_id(provider.now(), os.urandom(2).hex())
        run_dir = ledger.create(workdir / "runs", run_id)
        add_look_alikes(provider, run_id)
        foreign = provider.records()
        provider.calls.clear()
        options = {
            "api_url": provider.url,
            "token": TOKEN,
            "project": PROJECT,
            "zone": ZONE,
            "run_id": run_id,
            "run_dir": str(run_dir),
            "volume_type": case["volume"],
            "expires_at": ledger.utc_text(provider.now() + LIFETIME),
        }
        killed = drive(provider, options, case, workdir / "said")
        died_at = " ".join(provider.calls[-1])
        left = sorted(set(provider.records()) - set(foreign))
        made = len(provider.calls)
        provider.advance(LIFETIME + timedelta(hours=1) if case["then"] == "reap" else UNANSWERED)
        passes = clear_up(provider, options, case["then"])
        check(provider, foreign, run_id)
        touched = [call for call in provider.calls if call[0] != "GET" and any(found in call[1] for found in foreign)]
        if touched:
            raise BrokenPromiseError(f"a foreign resource was touched: {touched}")
    return {
        "killed": killed,
        "died_at": died_at.replace(run_id, "RUN").split("?")[0],
        "left_at_death": len(left),
        "calls_before": made,
        "calls_to_clear": len(provider.calls) - made,
        "passes": passes,
        "left": 0,
        "foreign_touched": 0,
    }


def drive(provider: Provider, options: dict[str, Any], case: dict[str, Any], said: Path) -> bool:
    """Run the controller until its N-th call kills it, or to its end; whether it was killed."""
    begun = threading.Event()
    controller: list[int] = []

    def kill(count: int) -> None:
        if count == case["after"]:
            begun.wait()
            os.kill(controller[0], signal.SIGKILL)

    def lose(count: int) -> Fate:
        kill(count)
        return "lose" if count == case["after"] else "send"

    if case["answer"] == "lost":
        provider.before_answer = lose
    else:
        provider.after_answer = kill
    controller.append(start(options, said))
    begun.set()
    code = os.waitstatus_to_exitcode(os.waitpid(controller[0], 0)[1])
    provider.before_answer = lambda _count: "send"
    provider.after_answer = lambda _count: None
    if code not in (0, -signal.SIGKILL):
        raise BrokenPromiseError(f"the controller failed by itself: {said.read_text(encoding='utf-8')}")
    return code != 0


def clear_up(provider: Provider, options: dict[str, Any], way: str) -> int:
    """Passes until nothing of the run is on its way out any more."""
    common = {"api_url": options["api_url"], "api_token": TOKEN, "project": PROJECT}
    for number in range(1, PASSES + 1):
        if way == "destroy":
            words = ("zone", "run_id", "run_dir")
            result = call(scaleway_server, {**common, **{word: options[word] for word in words}, "state": "absent"})
        else:
            result = call(scaleway_runs, {**common, "zones": [ZONE], "state": "reaped"})
            waits = any(row["verdict"] in ("marked", "waiting") for row in result["runs"])
            result["finished"] = result["finished"] and not waits
            if waits:
                provider.advance(timedelta(minutes=15))
        if result["finished"]:
            return number
    raise BrokenPromiseError(f"{way} did not end after {PASSES} passes: {result['message']}")


def call(module: Any, options: dict[str, Any]) -> dict[str, Any]:
    """One call of a module, in this process."""
    printed = io.StringIO()
    with (
        patch_module_args(options),
        # Ansible loads the system's certificates for each request, http or not: 50 ms each.
        patch.object(ssl.SSLContext, "load_default_certs"),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    result: dict[str, Any] = json.loads(printed.getvalue())
    if result.get("failed"):
        raise BrokenPromiseError(f"clearing up failed: {result['msg']}")
    return result


def check(provider: Provider, foreign: dict[str, dict[str, Any]], run_id: str) -> None:
    """Nothing but what was foreign, and that as it was."""
    now = provider.records()
    ours = [f"{row.get('name')} {found}" for found, row in now.items() if found not in foreign]
    if ours:
        raise BrokenPromiseError(f"left of run {run_id}: {', '.join(ours)}")
    changed = [found for found, row in foreign.items() if now.get(found) != row]
    if changed:
        raise BrokenPromiseError(f"foreign resources gone or changed: {', '.join(changed)}")


def add_look_alikes(provider: Provider, run_id: str) -> None:
    """Ten servers that a part of the name, the name alone or a tag alone would take for ours, and more."""
    name, tag = f"plex-burst-{run_id.lower()}", f"plex-burst-run={run_id}"
    other = "33333333-3333-4333-8333-333333333333"
    later = ledger.utc_text(provider.now() + timedelta(days=365))
    servers: list[dict[str, Any]] = [
        {"name": f"{name}0", "tags": ["plex-burst", tag]},
        {"name": f"x{name}", "tags": ["plex-burst", tag]},
        {"name": name[:-1], "tags": ["plex-burst", tag]},
        {"name": name.upper(), "tags": ["plex-burst", tag]},
        {"name": name, "tags": ["plex-burst", f"{tag}0"]},
        {"name": name, "tags": ["plex-burst", tag], "project": other},
        {"name": name, "tags": []},
        {"name": name, "tags": ["plex-burst"]},
        {"name": "web-1", "tags": [f"was {tag}"]},
        # A run of somebody else who is at work.
        {
            "name": "plex-burst-20200101t000000z-ffff",
            "tags": ["plex-burst", "plex-burst-run=20200101T000000Z-ffff", f"plex-burst-expires={later}"],
        },
    ]
    for server in servers:
        common = {"commercial_type": "DEV1-S", "image": "debian_bookworm", "project": PROJECT}
        provider.add("servers", {**common, **server})
    provider.add("ips", {"project": PROJECT, "tags": [f"{tag}0"]})
    provider.add("volumes", {"project": PROJECT, "name": name, "size": 10**10, "volume_type": "l_ssd"})
    provider.add("security_groups", {"project": PROJECT, "name": f"{name}0", "tags": [tag]})
