"""A machine that is this one, for the phases' tests: a directory, a container of the media server stand-in, a run."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from lab.control import settings
from lab.plexsim.plexsim import schema
from module_utils import ledger
from module_utils.plex_server import PlexServer, read_token

ROOT = Path(__file__).parents[2]
IMAGE = f"plex-burst-lab/plexsim:{settings.PREFIX}-phases"
# Quicker than the stand-in's defaults, slow enough to be seen at work.
PACE = {
    "PLEXSIM_START_SECONDS": "0.1",
    "PLEXSIM_MIGRATION_SECONDS": "0.1",
    "PLEXSIM_TOKEN_DELAY": "0.1",
    "PLEXSIM_ANALYSIS_SECONDS_PER_TRACK": "0.2",
}
PATIENCE = {
    "plex_docker_poll": 1,
    "plex_docker_token_poll": 1,
    "plex_docker_init_timeout": 20,
    "plex_docker_token_timeout": 20,
    "plex_scan_poll": 1,
    "plex_scan_grace": 2,
    "plex_scan_stall": 60,
    "plex_scan_settled": 3,
    "plex_sonic_poll": 1,
    "plex_sonic_grace": 2,
    "plex_sonic_stall": 5,
    "plex_sonic_settled": 4,
    "plex_sonic_stabilise_poll": 1,
}


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=120)
    return done.stdout.strip()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Target:
    """A machine that is this one: a directory, a container, a port, a run."""

    base: Path
    runs_dir: Path
    name: str
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    run_dir: Path = Path()
    runs: int = 0

    @property
    def home(self) -> Path:
        return self.base / "config/Library/Application Support/Plex Media Server"

    @property
    def token(self) -> str:
        """The server's own token."""
        return read_token(str(self.base / "config"))

    def new_run(self) -> None:
        """Phases belong to a run; samples of another one do not count."""
        self.runs += 1
        self.run_dir = ledger.create(self.runs_dir, f"20260101T0000{self.runs:02}Z-0000", inventory="local")

    def play(self, stage: str, *, expected: int = 0, **variables: Any) -> str:
        """Play one stage as a person does, for the music unless another section is named; the end of its output."""
        url, section = f"http://127.0.0.1:{self.port}", variables.pop("section", "Music")
        places = {
            f"{role}_{what}": value
            for role in ("plex_docker", "plex_scan", "plex_sonic")
            for what, value in (("url", url), ("container", self.name))
        }
        given = {
            "ansible_python_interpreter": sys.executable,
            "burst_runs_dir": str(self.runs_dir),
            "burst_run_id": self.run_dir.name,
            "burst_target_dir": str(self.base),
            "burst_plex_claim": "claim-lab-0000000000000000",
            # Asked for before a run begins; nothing is mounted here.
            **{f"burst_s3_{what}": "unused" for what in ("endpoint", "bucket", "access_key", "secret_key")},
            "burst_sections": [section] if section else [],
            "plex_docker_image": IMAGE.partition(":")[0],
            "plex_docker_tag": IMAGE.partition(":")[2],
            "plex_docker_digest": "",
            "plex_docker_packages": [],
            "plex_docker_media_parent": str(self.base / "mnt"),
            "plex_docker_claim_dir": str(self.base / "claim"),
            "plex_docker_environment": PACE | self.environment,
            **places,
            **PATIENCE,
            **variables,
        }
        done = subprocess.run(
            ["ansible-playbook", "-i", "inventories/local.yml", f"playbooks/{stage}.yml", "-e", json.dumps(given)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            env=os.environ | {"BURST_TARGET_CONNECTION": "local", "NO_COLOR": "1"},
        )
        assert (done.returncode == 0) == (expected == 0), done.stdout[-5000:] + done.stderr[-2000:]
        return done.stdout

    def results(self, phase: str) -> list[dict[str, Any]]:
        """What the ledger says of each section."""
        return [dict(entry) for entry in ledger.read(self.run_dir)["results"][phase]]

    def result(self, phase: str) -> dict[str, Any]:
        """What the ledger says of the one section."""
        (entry,) = self.results(phase)
        return entry

    def fault(self, name: str, on: bool = True, **parameters: Any) -> None:
        subprocess.run(["sh", "-c", self.order(name, on, **parameters)], check=True, capture_output=True, timeout=120)

    def when_analysing(self, command: str) -> None:
        """Run a command in the container as soon as the analyser works."""
        wait = "until pgrep -f '[P]lex Music Analyzer'; do sleep 0.1; done"
        docker("exec", "-d", self.name, "sh", "-c", f"{wait}; {command}")

    def order(self, name: str, on: bool = True, **parameters: Any) -> str:
        """The words for a shell on this machine that switch a fault."""
        words = json.dumps({"on": on, **parameters})
        url = f"http://127.0.0.1:32499/_lab/faults/{name}"
        return f"docker exec {self.name} curl --silent --fail -X PUT --data '{words}' {url}"

    def signal(self, name: str) -> str:
        """The words for a shell on this machine that send the server a signal."""
        return f"docker exec {self.name} pkill -{name} -f '[P]lex Media Server'"

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """It is stopped now, or by somebody else meanwhile; it goes on afterwards, whatever happened."""
        try:
            yield
        finally:
            subprocess.run(["sh", "-c", self.signal("CONT")], check=True, timeout=60)
            self.rest()

    @contextmanager
    def when_scanning(self, command: str, factor: float = 5) -> Iterator[None]:
        """Run a command on this machine as soon as the scanner works, so many times slower; it must end well."""
        self.fault("scanner_slow", factor=factor)
        seen = "until pgrep -f '[P]lex Media Scanner'; do sleep 0.1; done"
        with subprocess.Popen(["sh", "-c", f'docker exec {self.name} sh -c "{seen}" >&2 && {command}']) as waiting:
            yield
            assert waiting.wait(timeout=60) == 0
        self.fault("scanner_slow", on=False)

    def rest(self) -> None:
        """Wait until the server answers, has no work, and has left no scanner behind."""
        idle = "curl --silent --fail http://127.0.0.1:32400/_lab/jobs | grep --quiet 'size=\"0\"'"
        rested = f"{idle} && ! pgrep -f '[P]lex Media Scanner' >/dev/null"
        docker("exec", self.name, "sh", "-c", f"until {rested}; do sleep 0.1; done")

    def ask(self, path: str, method: str = "GET") -> dict[str, Any]:
        """What the server answers its owner."""
        server = PlexServer.local(f"http://127.0.0.1:{self.port}", str(self.base / "config"))
        reply = server.request(method, *_parts(path))
        assert reply.ok, reply.words
        return dict(json.loads(reply.body)) if reply.body else {}

    def change(self, *statements: str) -> None:
        """Change the library of the running server."""
        with closing(sqlite3.connect(self.home / schema.DATABASES / schema.LIBRARY, timeout=20)) as library:
            for statement in statements:
                library.execute(statement)
            library.commit()

    def forget_analysis(self, tracks: int) -> None:
        """Take the marker from some tracks of the music."""
        some = f"SELECT id FROM metadata_items WHERE metadata_type = 10 AND library_section_id = 5 LIMIT {tracks}"
        self.change(f"UPDATE metadata_items SET extra_data = '' WHERE id IN ({some})")


def _parts(path: str) -> tuple[str, list[tuple[str, str]]]:
    parts = urlsplit(path)
    return parts.path, parse_qsl(parts.query)


@contextmanager
def prepared(directory: Path, name: str, inject: Callable[[Target], None] | None = None) -> Iterator[Target]:
    """A target with the lab's media and no container yet; afterwards without it. inject puts a library there first."""
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT / "lab" / "plexsim"))
    target = Target(directory / "target", directory / "runs", f"plex-burst-test-{name}-{os.getpid()}")
    shutil.copytree(ROOT / ".lab/media", target.base / "mnt/library")
    target.home.mkdir(parents=True)
    if inject:
        inject(target)
    directory.chmod(0o755)
    subprocess.run(["chown", "-R", "1000:1000", str(target.base)], check=True)
    # The container takes the parent of the mount as a slave, so that parent must be a shared mount, as in a run.
    mount = str(target.base / "mnt")
    subprocess.run(["mount", "--bind", mount, mount], check=True)
    subprocess.run(["mount", "--make-shared", mount], check=True)
    try:
        yield target
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", target.name], check=False, capture_output=True)
        subprocess.run(["umount", "--lazy", mount], check=True)
