"""Each phase against the media server stand-in, without a rented machine: which fault ends how.

The real playbooks on this machine (inventories/local.yml), the container beside them. What a phase ends with is read
where the wrapper reads it: in the ledger.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab.control import settings
from lab.plexsim.plexsim import schema
from module_utils import ledger

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
IMAGE = f"plex-burst-lab/plexsim:{settings.PREFIX}-phases"
RENAMED = ("/volume1/Media/Music/New Horizon Orch.", "/media/library/Music/New Horizons Orchestra")
# Quicker than the stand-in's defaults, slow enough to be seen at work.
PACE = {
    "PLEXSIM_START_SECONDS": "0.1",
    "PLEXSIM_MIGRATION_SECONDS": "0.1",
    "PLEXSIM_TOKEN_DELAY": "0.1",
    "PLEXSIM_ANALYSIS_SECONDS_PER_TRACK": "0.2",
}
PATIENCE = {
    "plex_docker_poll": 1,
    "plex_docker_init_timeout": 20,
    "plex_docker_token_timeout": 20,
    "plex_scan_poll": 1,
    "plex_scan_grace": 2,
    "plex_scan_stall": 8,
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

    def new_run(self) -> None:
        """Phases belong to a run; samples of another one do not count."""
        self.runs += 1
        self.run_dir = ledger.create(self.runs_dir, f"20260101T00000{self.runs}Z-0000", inventory="local")

    def play(self, stage: str, *, expected: int = 0, **variables: Any) -> str:
        """Play one stage as a person does; the end of its output."""
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
            "burst_sections": [section],
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
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
            env=os.environ | {"BURST_TARGET_CONNECTION": "local", "NO_COLOR": "1"},
        )
        assert (done.returncode == 0) == (expected == 0), done.stdout[-5000:] + done.stderr[-2000:]
        return done.stdout

    def result(self, stage: str) -> dict[str, Any]:
        """What the ledger says of the one section."""
        (entry,) = ledger.read(self.run_dir)["results"][stage]
        return dict(entry)

    def fault(self, name: str, on: bool = True, **parameters: Any) -> None:
        words = json.dumps({"on": on, **parameters})
        url = f"http://127.0.0.1:32499/_lab/faults/{name}"
        docker("exec", self.name, "curl", "--silent", "--fail", "-X", "PUT", "--data", words, url)

    def when_analysing(self, command: str) -> None:
        """Run a command in the container as soon as the analyser works."""
        wait = "until pgrep -f '[P]lex Music Analyzer'; do sleep 0.1; done"
        docker("exec", "-d", self.name, "sh", "-c", f"{wait}; {command}")

    def forget_analysis(self, tracks: int) -> None:
        """Take the marker from some tracks of the music."""
        databases = self.home / schema.DATABASES
        with closing(sqlite3.connect(databases / schema.LIBRARY, timeout=20)) as library:
            some = "SELECT id FROM metadata_items WHERE metadata_type = 10 AND library_section_id = 5 LIMIT ?"
            found = [row[0] for row in library.execute(some, (tracks,))]
            marks = ", ".join(map(str, found))
            library.execute(f"UPDATE metadata_items SET extra_data = '' WHERE id IN ({marks})")
            library.commit()


@pytest.fixture(scope="module")
def image() -> str:
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT / "lab" / "plexsim"))
    return IMAGE


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[Target]:
    """A claimed server whose music is scanned, with most of its tracks to be analysed. The tests share it in order."""
    directory = tmp_path_factory.mktemp("phases")
    target = Target(directory / "target", directory / "runs", f"plex-burst-test-phases-{os.getpid()}")
    shutil.copytree(ROOT / ".lab/media", target.base / "mnt/library")
    target.home.mkdir(parents=True)
    shutil.unpack_archive(ROOT / ".lab/home/library.tar.gz", target.home, filter="data")
    with closing(sqlite3.connect(target.home / schema.DATABASES / schema.LIBRARY)) as database:
        for old, new in (RENAMED, ("/volume1/Media", "/media/library")):
            for table, column in (("media_parts", "file"), ("section_locations", "root_path")):
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
        database.commit()
    directory.chmod(0o755)
    subprocess.run(["chown", "-R", "1000:1000", str(target.base)], check=True)
    # The container takes the parent of the mount as a slave, so that parent must be a shared mount, as in a run.
    mount = str(target.base / "mnt")
    subprocess.run(["mount", "--bind", mount, mount], check=True)
    subprocess.run(["mount", "--make-shared", mount], check=True)
    try:
        target.new_run()
        target.play("plex")
        target.play("scan")
        assert target.result("scan")["verdict"] == "done"
        yield target
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", target.name], check=False, capture_output=True)
        subprocess.run(["umount", "--lazy", mount], check=True)


def test_without_a_pass_the_analysis_is_refused_and_the_stage_goes_on(server: Target) -> None:
    server.new_run()
    server.fault("no_pass")
    server.play("sonic")
    server.fault("no_pass", on=False)
    assert server.result("sonic")["verdict"] == "refused"


def test_an_activity_that_never_moves_stalls_the_scan(server: Target) -> None:
    server.new_run()
    server.fault("stuck_activity")
    server.play("scan", expected=2, section="Movies")
    server.fault("stuck_activity", on=False)
    assert server.result("scan")["verdict"] == "stalled"


def test_a_token_that_is_revoked_ends_with_the_servers_words(server: Target) -> None:
    server.new_run()
    server.fault("token_revoked")
    printed = server.play("scan", expected=2, section="Movies")
    server.fault("token_revoked", on=False)
    assert "401 Unauthorized" in printed


def test_a_killed_server_is_begun_again_and_a_broken_file_is_named(server: Target) -> None:
    """Also a file that stat() knows and nobody can read: the server passes it over, and it is named."""
    server.new_run()
    broken = next((server.base / "mnt/library/Music").rglob("*.mp3"))
    broken.chmod(0)
    server.when_analysing("pkill -KILL -f '[P]lex Music Analyzer'; pkill -KILL -f '[P]lex Media Server'")
    printed = server.play("sonic", expected=2)
    broken.chmod(0o644)
    sonic = server.result("sonic")
    assert (sonic["verdict"], sonic["left"]) == ("partial", 1)
    assert "begun again" in sonic["message"]
    pending = json.loads((server.base / "samples/pending-5.json").read_text())
    assert [(Path(entry["path"]).name, entry["reason"]) for entry in pending] == [
        (broken.name, "the file cannot be read")
    ]
    # Ansible folds long lines.
    told = " ".join(printed.split())
    assert f"{broken.name}: the file cannot be read" in told, [line for line in printed.splitlines() if "mp3" in line]


def test_a_frozen_analyser_is_begun_again_with_its_server_until_all_is_done(server: Target) -> None:
    server.new_run()
    server.forget_analysis(15)
    server.when_analysing("pkill -STOP -f '[P]lex Music Analyzer'")
    server.play("sonic")
    sonic = server.result("sonic")
    assert (sonic["verdict"], sonic["left"]) == ("done", 0)
    assert "begun again" in sonic["message"]
    server.new_run()
    server.play("sonic")
    assert server.result("sonic")["verdict"] == "already_complete"
