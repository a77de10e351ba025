"""What a campaign of mount faults wants to know of its machine, in one call.

It is copied to the machine and run there by the machine's own Python; a JSON object with `guard`, `scanners`,
`refreshing`, `events` and perhaps `census` comes back. It also waits there, since asking through Docker again and again
would cost more than all that is waited for.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

GUARD = Path("/srv/plex-burst/guard")
SERVER = Path("/srv/plex-burst/config/Library/Application Support/Plex Media Server")
DATABASE = SERVER / "Plug-in Support/Databases/com.plexapp.plugins.library.db"
# What a deletion would change. The sum of the ids tells what was deleted and found again from what was never gone; a
# rescan may add marks of time, never take these away. A part has the time that its file showed: with another one, the
# home server would analyse that file again.
CENSUS = """
SELECT 'items', count(*), total(id) FROM metadata_items WHERE library_section_id IS NOT NULL AND deleted_at IS NULL
UNION ALL SELECT 'marked items', count(*), 0 FROM metadata_items WHERE deleted_at IS NOT NULL
UNION ALL SELECT 'parts', count(*), total(id) FROM media_parts WHERE deleted_at IS NULL
UNION ALL SELECT 'marked parts', count(*), 0 FROM media_parts WHERE deleted_at IS NOT NULL
UNION ALL SELECT 'times of parts', count(*), total(updated_at) FROM media_parts
UNION ALL SELECT 'streams', count(*), total(id) FROM media_streams
UNION ALL SELECT 'directories', count(*), total(id) FROM directories WHERE deleted_at IS NULL
"""


def census() -> dict[str, list[int]]:
    """Count what could be lost: how many rows, and the sum of their ids."""
    with closing(sqlite3.connect(f"{DATABASE.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        return {what: [count, int(ids)] for what, count, ids in connection.execute(CENSUS)}


def forget() -> None:
    """Make the server look into a fifth of its folders again, and, as a run does, into those with marked files."""
    with closing(sqlite3.connect(DATABASE, timeout=60, isolation_level=None)) as connection:
        connection.execute(
            "UPDATE directories SET updated_at = 1 WHERE id % 5 = ? OR parent_directory_id IS NULL"
            " OR id IN (SELECT directory_id FROM media_parts WHERE deleted_at IS NOT NULL)",
            (random.randrange(5),),
        )


def guard() -> dict[str, Any]:
    """Read what the guard thinks."""
    with suppress(OSError, ValueError):
        return dict(json.loads((GUARD / "status.json").read_text(encoding="utf-8")))
    return {"state": "absent", "frozen": False}


def events(since: float) -> list[dict[str, Any]]:
    """Read the guard's log from a moment on."""
    with suppress(OSError):
        lines = (GUARD / "events.jsonl").read_text(encoding="utf-8").splitlines()
        return [event for line in lines if (event := json.loads(line))["at"] >= since]
    return []


def scanners() -> int:
    """Count the scanners that are at work."""
    found = 0
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += b"Plex Media Scanner" in process.read_bytes()
    return found


def refreshing(frozen: bool) -> int:
    """Count the sections that Plex refreshes, which includes emptying their trash; -1 when it does not say."""
    if frozen:
        return -1
    with suppress(OSError):
        (token,) = re.findall('PlexOnlineToken="([^"]*)', (SERVER / "Preferences.xml").read_text(encoding="utf-8"))
        request = urllib.request.Request("http://127.0.0.1:32400/library/sections", headers={"X-Plex-Token": token})
        with urllib.request.urlopen(request, timeout=3) as answer:
            return len(re.findall(rb'refreshing="1"', answer.read()))
    return -1


def look(asked: argparse.Namespace) -> dict[str, Any]:
    """Look at everything, once or until it is as wanted."""
    end = time.monotonic() + asked.within
    while True:
        thought = guard()
        found = {"guard": thought, "scanners": scanners(), "refreshing": refreshing(bool(thought["frozen"]))}
        if not asked.until or UNTIL[asked.until](found) or time.monotonic() > end:
            return found
        time.sleep(0.1)


UNTIL: dict[str, Callable[[dict[str, Any]], bool]] = {
    "healthy": lambda found: bool(found["guard"]["state"] == "healthy"),
    "idle": lambda found: not found["scanners"] and not found["refreshing"],
    "scanning": lambda found: bool(found["scanners"]),
}


def main() -> None:
    """Look, wait, and say what was found."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--since", type=float, default=9e9, help="events from that moment on, in seconds since 1970")
    parser.add_argument("--until", choices=UNTIL, help="wait for that")
    parser.add_argument("--within", type=float, default=0, help="but not longer than so many seconds")
    parser.add_argument("--forget", action="store_true", help="have a fifth of the folders looked into again")
    parser.add_argument("--census", action="store_true", help="count the rows, too")
    asked = parser.parse_args()
    if asked.forget:
        forget()
    found = {**look(asked), "events": events(asked.since)}
    print(json.dumps(found | ({"census": census()} if asked.census else {})))


if __name__ == "__main__":
    main()
