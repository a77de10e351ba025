"""A media server stand-in in a container of its own, as tests see it."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from plexapi.server import PlexServer

from lab.plexsim.plexsim import schema

RENAMED = ("/volume1/Media/Music/New Horizon Orch.", "/media/library/Music/New Horizons Orchestra")
# quicker than the stand-in's defaults, slow enough to be seen at work
QUICK = {
    "PLEXSIM_START_SECONDS": "0.1",
    "PLEXSIM_MIGRATION_SECONDS": "0.1",
    "PLEXSIM_TOKEN_DELAY": "0.1",
    "PLEXSIM_STOP_SECONDS": "0.1",
    "PLEXSIM_ANALYSIS_SECONDS_PER_TRACK": "0.05",
}


def docker(*arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """What a docker command prints. environment: for `--env NAME`, which keeps a value out of the command line."""
    done = subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return done.stdout.strip()


def wait_for(what: Callable[[], object], seconds: float = 90) -> None:
    """Ask until the answer is true: the one place of these tests that waits."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


@dataclass
class Container:
    """A running stand-in and its directories."""

    name: str
    home: Path
    media: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{docker('port', self.name, '32400/tcp').rpartition(':')[2]}"

    @property
    def databases(self) -> Path:
        return self.home / schema.DATABASES

    def token(self) -> str:
        file = self.home / "Preferences.xml"
        return ET.parse(file).getroot().get("PlexOnlineToken", "") if file.exists() else ""

    def ask(self, path: str, token: str = "", method: str = "GET") -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, headers={"X-Plex-Token": token}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def status(self, path: str = "/identity", token: str = "", method: str = "GET") -> int:
        return self.ask(path, token, method)[0]

    def query(self, sql: str, name: str = schema.LIBRARY) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(f"file:{self.databases / name}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def tracks(self) -> tuple[object, ...]:
        return self.query(
            "SELECT count(*), sum(extra_data LIKE '%musicAnalysisVersion%'), sum(deleted_at IS NOT NULL)"
            " FROM metadata_items WHERE library_section_id = 5 AND metadata_type = 10"
        )[0]

    def processes(self) -> list[str]:
        return docker("exec", self.name, "ps", "-eo", "user:12,args").splitlines()

    def shell(self, statement: str, name: str = schema.LIBRARY) -> str:
        """What Plex SQLite in the container says."""
        home = "/config/Library/Application Support/Plex Media Server"
        program = "/usr/lib/plexmediaserver/Plex SQLite"
        return docker("exec", self.name, program, f"{home}/{schema.DATABASES}/{name}", statement)

    def plex(self) -> PlexServer:
        return PlexServer(self.url, self.token())

    def rest(self) -> None:
        """Wait until nothing is going on: activities alone do not tell, since they come one after the other."""
        wait_for(lambda: b'size="0"' in self.ask("/_lab/jobs")[1], 120)

    def switch(self, fault: str, *, on: bool = True, **parameters: object) -> None:
        body = json.dumps({"on": on, **parameters})
        address = f"http://127.0.0.1:32499/_lab/faults/{fault}"
        docker("exec", self.name, "curl", "-sS", "--fail", "-o", "/dev/null", "-X", "PUT", "-d", body, address)

    def refreshing(self) -> bool:
        # a client asks once what sections there are, and answers from memory then
        return any(section.refreshing for section in self.plex().library.sections())

    def runs(self, program: str) -> bool:
        return any(program in process for process in self.processes())


def remap(library: Path) -> None:
    """Lead the home paths to the mount, as the restore stage does."""
    with closing(sqlite3.connect(library)) as database:
        for old, new in (RENAMED, ("/volume1/Media", "/media/library")):
            for table, column in (("media_parts", "file"), ("section_locations", "root_path")):
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
        database.commit()


Start = Callable[..., Container]
