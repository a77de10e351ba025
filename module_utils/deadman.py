#!/usr/bin/python3 -u
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The dead-man switch: ends the machine it runs on when nobody wants it any more.

A timer runs this once a minute, as root, on the rented machine. It needs nothing but Python's own library, because it
must work when everything else is broken, and speaks unbuffered, because powering off ends it in mid-sentence. Time is
counted by the kernel's clock that neither jumps nor stands still, and kept over reboots; the wall clock only says how
long the machine was off.

The end comes when no controller was heard of for `silence_seconds`, and at `hard_seconds` in any case; and when the
guard has given the mount up (`given_up` is there), so that Plex stands still and nothing is done any more, already when
nothing was heard for `given_up_seconds` since. Then the
commands of `before` run (Plex is asked to stop, its databases are copied away), and the machine is terminated through
the provider's API. Without a key, or when the API refuses for good, it powers off: that ends the work, not the bill.

Settings (JSON, 0600): run_id, name, zone, project, server_id, api_url, secret_key (may be empty), armed_at
(seconds since 1970), silence_seconds, hard_seconds (both from then on), beat_seconds (how often the API is told of a
sign of life), before (commands), before_seconds; given_up (path of the guard's note, JSON with its `reason`) and
given_up_seconds, without which no note shortens the silence.

It is a little longer than other files: it is copied to the machine alone and imports nothing of ours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

SETTINGS = Path("/etc/plex-burst/switch.json")
STATE = Path("/var/lib/plex-burst/switch-state.json")
# Touched by /etc/ssh/sshrc: every command that the controller runs over SSH is a sign of life.
HEARTBEAT = Path("/var/lib/plex-burst/heartbeat")
BEAT_TAG = "plex-burst-beat="
# Answers that are final; after any other the API is asked again, a minute later, for as long as it takes.
FINAL = (401, 403)
State = dict[str, Any]
Keep = Callable[[State], None]


class Reading(NamedTuple):
    """boot: id of this boot; wall, steady: seconds; beat: when the heartbeat file changed, 0 when there is none.

    given_up: why the guard gave the mount up, empty when it did not.
    """

    boot: str
    wall: float
    steady: float
    beat: int
    given_up: str = ""


def advanced(state: State, now: Reading, armed_at: float) -> State:
    """The state with the time that has passed; a jump of the wall clock within a boot passes no time."""
    if not state:
        # The first time, or after the state was lost: then the wall clock is all there is.
        elapsed = max(now.wall - armed_at, 0.0)
        first = {"elapsed": elapsed, "beat_elapsed": elapsed, "beat": now.beat, "told": -1e9, "tries": 0}
        given_up = {"given_up": now.given_up, "given_up_elapsed": elapsed}
        return {**first, **given_up, "boot": now.boot, "wall": now.wall, "steady": now.steady}
    same_boot = state["boot"] == now.boot
    # Off for as long as the wall clock says, and at least since this boot.
    passed = now.steady - state["steady"] if same_boot else max(now.wall - state["wall"], now.steady)
    elapsed = state["elapsed"] + max(passed, 0.0)
    heard = now.beat not in (0, state["beat"])
    return {
        **state,
        "boot": now.boot,
        "wall": now.wall,
        "steady": now.steady,
        "elapsed": elapsed,
        "beat": now.beat or state["beat"],
        "beat_elapsed": elapsed if heard else state["beat_elapsed"],
        "given_up": now.given_up,
        "given_up_elapsed": state.get("given_up_elapsed", elapsed)
        if now.given_up and state.get("given_up")
        else elapsed,
    }


def reason_to_end(state: State, settings: dict[str, Any]) -> str:
    """Why the machine must end now; empty while it may go on."""
    if state["elapsed"] >= settings["hard_seconds"]:
        return f"its time is over after {state['elapsed']:.0f} s"
    silence = state["elapsed"] - state["beat_elapsed"]
    if silence >= settings["silence_seconds"]:
        return f"nothing was heard of its controller for {silence:.0f} s"
    useless = state["elapsed"] - max(state["beat_elapsed"], state["given_up_elapsed"])
    if state["given_up"] and useless >= settings.get("given_up_seconds", float("inf")):
        why = f"the guard gave the mount up ({state['given_up']})"
        return f"{why}, and nothing was heard of its controller for {useless:.0f} s since"
    return ""


def beat_is_due(state: State, settings: dict[str, Any]) -> bool:
    """Whether there is a sign of life that the API was not told of for long enough."""
    since = state["elapsed"] - state["told"]
    return bool(settings["secret_key"]) and state["beat_elapsed"] > state["told"] and since >= settings["beat_seconds"]


def call(settings: dict[str, Any], method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One call of the server's own resource; status 0 when nobody answered."""
    url = f"{settings['api_url']}/instance/v1/zones/{settings['zone']}/servers/{settings['server_id']}{path}"
    request = urllib.request.Request(url, method=method, headers={"X-Auth-Token": settings["secret_key"]})
    data = None if body is None else json.dumps(body).encode()
    if data:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, data, timeout=30) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        return error.code, {}
    except (OSError, ValueError) as error:
        print(f"no answer from the API: {error}")
        return 0, {}


def tell_beat(settings: dict[str, Any], now: float) -> bool:
    """Put the sign of life on the server as a tag, where whoever clears up looks."""
    status, answer = call(settings, "GET", "")
    if status != 200:
        return False
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    tags = [tag for tag in answer["server"].get("tags", []) if not tag.startswith(BEAT_TAG)]
    return call(settings, "PATCH", "", {"tags": [*tags, f"{BEAT_TAG}{moment}"]})[0] == 200


def terminate(settings: dict[str, Any]) -> str:
    """`asked` when the end is on its way, `refused` when asking again is of no use, else `again`."""
    if not settings["secret_key"]:
        print("there is no key for the API")
        return "refused"
    status, answer = call(settings, "GET", "")
    server = answer.get("server", {}) if status == 200 else {}
    if status == 200 and server.get("name") != settings["name"]:
        print(f"the server {settings['server_id']} is called {server.get('name')}: it is not this one")
        return "refused"
    if status == 200:
        status, _ = call(settings, "POST", "/action", {"action": "terminate"})
    print(f"asked the API to terminate this machine: {status or 'no answer'}")
    if status in (200, 202):
        return "asked"
    return "refused" if status in FINAL else "again"


def run_before(settings: dict[str, Any]) -> None:
    """What is done while there is still time; whatever fails or hangs is passed over."""
    for command in settings["before"]:
        try:
            done = subprocess.run(command, timeout=settings["before_seconds"], capture_output=True, check=False)
            print(f"{' '.join(command)}: exit code {done.returncode}")
        except (OSError, subprocess.SubprocessError) as error:
            print(f"{' '.join(command)}: {error}")


def power_off() -> None:
    """The guest's own end; a machine in standby is billed as a running one."""
    print("powering off; this machine costs money until it is removed through the API")
    subprocess.run(["systemctl", "poweroff"], check=False)


def step(state: State, settings: dict[str, Any], now: Reading, off: Callable[[], None], keep: Keep) -> State:
    """One minute of the switch: the state after it. keep: writes a state down, so that what begins here begins once."""
    state = advanced(state, now, settings["armed_at"])
    reason = reason_to_end(state, settings)
    if not reason:
        if beat_is_due(state, settings) and tell_beat(settings, now.wall):
            state["told"] = state["elapsed"]
        return state
    print(f"ending this machine: {reason}")
    state["tries"] += 1
    # Written down first: whatever kills this process must not make the next one wait for Plex again. A disk that takes
    # nothing any more must not keep the machine alive.
    with suppress(OSError):
        keep(state)
    if state["tries"] == 1:
        run_before(settings)
    result = terminate(settings)
    # Whoever is off asks no more, and goes on costing: it is for those who need not ask again.
    if result == "refused":
        off()
    return state


def given_up(settings: dict[str, Any]) -> str:
    """Why the guard gave the mount up; a note that cannot be understood is one all the same."""
    try:
        return str(json.loads(Path(settings["given_up"]).read_text(encoding="utf-8"))["reason"])
    except (OSError, KeyError):
        return ""
    except (ValueError, TypeError):
        return "its note says nothing"


def reading(settings: dict[str, Any]) -> Reading:
    """The clocks, the heartbeat, and the guard's note."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    beat = HEARTBEAT.stat().st_mtime_ns if HEARTBEAT.exists() else 0
    return Reading(boot, time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), beat, given_up(settings))


def write(state: State) -> None:
    """Keep the state over runs of the timer and over reboots; its directory is there since the switch was armed."""
    partial = STATE.with_suffix(".partial")
    partial.write_text(json.dumps(state), encoding="utf-8")
    partial.replace(STATE)


def main() -> int:
    """One run of the timer."""
    settings: dict[str, Any] = json.loads(SETTINGS.read_text(encoding="utf-8"))
    try:
        state = json.loads(STATE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = {}
    state = step(state, settings, reading(settings), power_off, write)
    try:
        write(state)
    except OSError as error:
        # The next time counts from what was written last, or from when the switch was armed.
        print(f"the state of the switch cannot be kept: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
