# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take one sample: container, server, processes and database at one moment.

Whatever does not answer becomes a word in the sample. A sample never fails and never waits.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from . import processes, scanner_log
from .guard_report import given_up, read, stood_still
from .media_analysis import read_media
from .plex_container import PAUSED, UNKNOWN, Run, inspect
from .plex_server import PlexServer, PlexServerError, Reply, activity, listed, section
from .progress_counts import OK, Memory, read_counts
from .samples import Sample

ANALYSE = "analyse"
SCANS = ("scan", "refresh")


@dataclass(frozen=True)
class Place:
    """Where to look. A section of None means the whole server: no counts are taken.

    `counted` is the file that keeps what was counted; without it everything is counted each time. `guard` is the
    directory of the guard of the mount, `began` the moment (seconds since 1970) from which on its log counts. `phase`
    tells what else counts: the media analysis has counts of its own, and of a scan the server's logs are read.
    """

    container: str
    database_dir: str
    section: int | None
    counted: Path | None = None
    guard: Path | None = None
    phase: str = ""
    began: float = 0.0


def take(server: PlexServer, run_command: Run, place: Place, previous: Sample | None, now: float) -> Sample:
    """One sample; the previous one gives the CPU percentage something to stand on."""
    container = inspect(run_command, place.container)
    # Docker is silent while what it asks stands still: then the word of the guard counts.
    guard = read(place.guard, place.began) if place.guard else None
    status = PAUSED if container.status == UNKNOWN and guard and guard["frozen"] else container.status
    sample: Sample = {"at": round(now, 3), "container": status}
    if container.restart_count:
        sample["restart_count"] = container.restart_count
    if container.oom_killed:
        sample["oom_killed"] = True
    if container.pid:
        sample.update(_processes(container.identifier, container.pid, previous, now))
    if container.running:
        sample.update(_server(server, place.section))
    else:
        # A frozen server accepts the connection and never answers: asking would only cost the timeout.
        sample.update({"http": 0, "http_words": f"container {status}"})
        if reason := given_up(place.guard):
            sample["given_up"] = reason
    if guard and (words := stood_still(guard["windows"], guard["counts"])):
        sample["mount"] = words
    sample.update(_database(place, f"{container.identifier} {container.pid}"))
    if place.phase in SCANS and place.section is not None:
        before = previous.get("logs") if previous else None
        sample.update(scanner_log.read_on(Path(place.database_dir).parent.parent / "Logs", before, place.section))
    return sample


def _processes(identifier: str, pid: int, previous: Sample | None, now: float) -> Sample:
    found = processes.count(processes.read_processes(identifier, pid))
    before = previous.get("cpu_seconds") if previous else None
    seconds = now - float(previous["at"]) if previous else 0
    return {
        "processes": found.kinds,
        "server_pid": found.server,
        "cpu_seconds": found.cpu_seconds,
        "cpu_percent": processes.cpu_percent(before, found.cpu_seconds, seconds),
    }


def _server(server: PlexServer, key: int | None) -> Sample:
    """What the server says about itself: two questions, the first that fails is the answer."""
    answers: dict[str, list[dict[str, t.Any]]] = {}
    for path, name in (("/library/sections", "Directory"), ("/activities", "Activity")):
        reply = server.request("GET", path)
        try:
            answers[name] = listed(reply.container(), name) if reply.ok else []
        except PlexServerError as error:
            reply = Reply(0, str(error))
        if not reply.ok:
            return {"http": reply.status, "http_words": reply.words}
    found = [entry for entry in map(section, answers["Directory"]) if key in (None, entry["key"])]
    return {
        "http": 200,
        "activities": [activity(entry) for entry in answers["Activity"]],
        "refreshing": any(entry["refreshing"] for entry in found),
        "scanned_at": found[0]["scanned_at"] if key is not None and found else None,
    }


def _database(place: Place, process: str) -> Sample:
    if place.section is None:
        return {"database": "ok"}
    memory = Memory(place.counted, process) if place.counted else None
    reading = read_counts(place.database_dir, place.section, memory=memory)
    sample: Sample = {"database": reading.state}
    if reading.counted:
        sample["counted"] = reading.counted
    if reading.detail:
        sample["database_words"] = reading.detail
    if reading.counts:
        sample["counts"] = reading.counts.as_dict()
    if reading.counts and place.phase == ANALYSE:
        state, media, detail = read_media(place.database_dir, place.section)
        if state != OK:
            return {"database": state, "database_words": detail}
        sample["counts"] |= media
    return sample
