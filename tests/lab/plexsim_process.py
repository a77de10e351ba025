"""The media server stand-in as a plain process, with plex.tv in this one: no Docker, up in a second."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from json import dumps
from pathlib import Path
from xml.etree import ElementTree as ET

from plexapi.server import PlexServer

from lab.plexsim.plexsim import fault_names, process, rows, schema
from lab.plexsim.plexsim.faults import Faults
from lab.plexsim.plexsim.first_run import first_run
from lab.plexsim.plexsim.plex_tv import PENDING
from lab.plexsim.plexsim.settings import from_environment

ROOT = Path(__file__).parents[2]
MUSIC, MOVIES = 5, 1
ALBUMS = {
    "Abba/Arrival": ["1-01 My Love.mp3", "1-02 Dancing.mp3"],
    "Björk/Début": ["1-01 Human.flac", "1-02 Crying.flac", "1-03 Venus.flac"],
}
TRACKS = sum(len(names) for names in ALBUMS.values())
QUICK = {
    "PLEXSIM_TIME_FACTOR": "100",
    "PLEXSIM_START_SECONDS": "0.1",
    "PLEXSIM_MIGRATION_SECONDS": "0",
    "PLEXSIM_TOKEN_DELAY": "0",
    "PLEXSIM_STOP_SECONDS": "0",
    "PLEXSIM_ANALYSIS_SECONDS_PER_TRACK": "0.05",
    "PLEXSIM_SCAN_SECONDS_PER_DIRECTORY": "0.02",
}


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    """Ask until the answer is true."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@dataclass
class PlexProcess:
    """A server of its own: data directory, port, faults; started and stopped by the test."""

    directory: Path
    plex_tv: str
    claim: str = "claim-standing"
    more: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    running: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return {
            **QUICK,
            "PLEX_MEDIA_SERVER_APPLICATION_SUPPORT_DIR": str(self.directory / "support"),
            "PLEXSIM_PORT": str(self.port),
            "PLEXSIM_FAULTS": str(self.directory / "faults.json"),
            "PLEXSIM_PLEX_TV": self.plex_tv,
            "PYTHONPATH": str(ROOT),
            # Programs start under other names; Python finds its packages by the python3 that comes first.
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **self.more,
        }

    @property
    def home(self) -> Path:
        return from_environment(self.environment).home

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def faults(self) -> Faults:
        return fault_names.from_environment(self.environment)

    @property
    def music(self) -> Path:
        return self.directory / "media" / "Music"

    def fill(self) -> None:
        """Make a small library of files that are no real audio, which is enough for names and stat()."""
        for album, names in ALBUMS.items():
            for name in names:
                file = self.music / album / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"sound" * 100)
        film = self.directory / "media" / "Movies" / "Heat (1995)" / "Heat (1995).mkv"
        film.parent.mkdir(parents=True)
        film.write_bytes(b"film")
        databases = self.home / schema.DATABASES
        databases.mkdir(parents=True)
        schema.create_library(databases)
        with closing(schema.connect(databases / schema.LIBRARY)) as library, schema.transaction(library):
            for key, name, kind in ((MOVIES, "Movies", rows.MOVIE_SECTION), (MUSIC, "Music", rows.MUSIC_SECTION)):
                location = str(self.directory / "media" / name)
                rows.add_section(library, name=name, section_type=kind, locations=[location], now=1000, section_id=key)

    def start(self) -> None:
        """Do what the image does: first run with a claim, then the server with what the claim brought."""
        self.home.mkdir(parents=True, exist_ok=True)
        settings = from_environment(self.environment)
        image = {"PLEX_CLAIM": self.claim, "CHANGE_CONFIG_DIR_OWNERSHIP": "false"}
        signed_in = first_run(settings, image, os.getuid(), os.getgid())
        told = {PENDING: dumps(asdict(signed_in))} if signed_in else {}
        self.running = process.start([process.SERVER], {**self.environment, **told})
        wait_for(lambda: self.status() == 200)

    def stop(self) -> None:
        if self.running is not None:
            self.running.terminate()
            self.running.wait(10)

    def status(self, path: str = "/identity", token: str = "", method: str = "GET") -> int:
        return self.ask(path, token, method)[0]

    def ask(
        self, path: str, token: str = "", method: str = "GET", accept: str = ""
    ) -> tuple[int, Mapping[str, str], bytes]:
        request = urllib.request.Request(
            self.url + path, headers={"X-Plex-Token": token, "Accept": accept}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read()
        except OSError:
            return 0, {}, b""

    @property
    def token(self) -> str:
        return ET.parse(self.home / "Preferences.xml").getroot().get("PlexOnlineToken", "")

    def client(self, token: str | None = None) -> PlexServer:
        return PlexServer(self.url, self.token if token is None else token)

    def rows(self, sql: str) -> list[sqlite3.Row]:
        """What the library's database says."""
        with closing(schema.connect(self.home / schema.DATABASES / schema.LIBRARY)) as library:
            return library.execute(sql).fetchall()

    def rest(self) -> None:
        """Wait until nothing is going on: activities alone do not tell, since they come one after the other."""
        wait_for(lambda: b'size="0"' in self.ask("/_lab/jobs")[2], 60)


@contextmanager
def on(faults: Faults, name: str, **parameters: object) -> Iterator[None]:
    """Have a fault for as long as the body runs."""
    faults.switch(name, on=True, parameters=parameters)
    try:
        yield
    finally:
        faults.switch(name, on=False)


def running(server: PlexProcess) -> Iterator[PlexProcess]:
    """Start a filled server that is signed in; stop it afterwards."""
    server.fill()
    try:
        server.start()
        wait_for(lambda: server.token)
        yield server
    finally:
        server.stop()
