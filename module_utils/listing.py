# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The directory listing of a running rclone mount: filled once in the life of a generation, by role or guard.

Private to this collection. A second listing costs requests and memory and can move the times of directories, so what is
under way is noted beside the socket, in the runtime directory of the unit, which goes with the generation. rclone works
on its own meanwhile: whoever asked may die, and the next one looks how far it is.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import write_json
from .rclone_rc import RcloneError, call

# Seconds between two looks, and at most after a listing that failed.
POLL = 0.2
LONGEST_PAUSE = 10.0


@dataclass(frozen=True)
class Listing:
    """How far it is. seconds: how long it has taken so far, or took. begun: it was begun by this look."""

    finished: bool
    seconds: float = 0.0
    begun: bool = False


def note_of(socket: str) -> Path:
    """Where whoever lists a generation says so: `{"job": number, "finished": bool, "seconds": number}`."""
    return Path(socket).parent / "listing.json"


def is_complete(socket: str) -> bool:
    """Whether the listing of this generation is there."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return bool(json.loads(note_of(socket).read_text(encoding="utf-8"))["finished"])
    return False


def advance(socket: str) -> Listing:
    """Start the listing if it never was, else look how far it is. Raises RcloneError; a failed one begins anew then."""
    note = note_of(socket)
    try:
        job = json.loads(note.read_text(encoding="utf-8"))
    except FileNotFoundError:
        number = call(socket, "vfs/refresh", recursive="true", _async=True)["jobid"]
        write_json(note, {"job": number, "finished": False, "seconds": 0})
        return Listing(finished=False, begun=True)
    if job["finished"]:
        return Listing(finished=True, seconds=job["seconds"])
    try:
        status = call(socket, "job/status", jobid=job["job"])
    except RcloneError as error:
        # rclone forgets what ended a minute ago (--rc-job-expire-duration).
        if "job not found" in str(error):
            note.unlink(missing_ok=True)
        raise
    seconds = round(float(status.get("duration", 0)), 1)
    if status["finished"] and (problem := _problem(status)):
        note.unlink(missing_ok=True)
        raise RcloneError(f"rclone could not list the bucket: {problem}.")
    if status["finished"]:
        write_json(note, {**job, "finished": True, "seconds": seconds})
    return Listing(finished=status["finished"], seconds=seconds)


def _problem(status: dict[str, Any]) -> str:
    """Say why a listing that ended is not there; empty when it is.

    To rclone (1.75) the job was a success in any case: what went wrong is in the result, where `OK` would be.
    """
    if not status["success"]:
        return str(status.get("error") or "no reason given")
    answers = (status.get("output") or {}).get("result") or {"": "no reason given"}
    return "; ".join(str(answer) for answer in answers.values() if answer != "OK")


def wait_for(socket: str, seconds: float) -> bool:
    """Wait until it is there, for so many seconds at most; errors show elsewhere.

    One that fails begins anew after a pause that doubles, because each asks S3 for everything again.
    """
    deadline = time.monotonic() + seconds
    pause = POLL
    while True:
        try:
            if advance(socket).finished:
                return True
            wait = POLL
        except (RcloneError, OSError, ValueError, KeyError):
            wait = pause = min(2 * pause, LONGEST_PAUSE)
        if time.monotonic() + wait >= deadline:
            return False
        time.sleep(wait)
