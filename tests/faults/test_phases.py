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
    "PLEXSIM_ANALYSIS_SECONDS_PER_TRACK": "0.1",
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
    "plex_sonic_stall": 8,
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

    @property
    def home(self) -> Path:
        return self.base / "config/Library/Application Support/Plex Media Server"

    def new_run(self, number: int) -> None:
        """Phases belong to a run; samples of another one do not count."""
        self.run_dir = ledger.create(self.runs_dir, f"20260101T00000{number}Z-0000", inventory="local")

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

    def forget_analysis(self, tracks: int) -> None:
        """Take both witnesses from some tracks of the music."""
        databases = self.home / schema.DATABASES
        with closing(sqlite3.connect(databases / schema.LIBRARY, timeout=20)) as library:
            library.execute("PRAGMA recursive_triggers = OFF")
            some = "SELECT id FROM metadata_items WHERE metadata_type = 10 AND library_section_id = 5 LIMIT ?"
            found = [row[0] for row in library.execute(some, (tracks,))]
            marks = ", ".join(map(str, found))
            library.execute(f"UPDATE metadata_items SET extra_data = '' WHERE id IN ({marks})")  # noqa: S608 - numbers
            library.commit()


@pytest.fixture(scope="module")
def image() -> str:
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT / "lab" / "plexsim"))
    return IMAGE


@pytest.fixture
def target(tmp_path: Path, image: str) -> Iterator[Target]:
    target = Target(tmp_path / "target", tmp_path / "runs", f"plex-burst-test-phases-{os.getpid()}")
    shutil.copytree(ROOT / ".lab/media", target.base / "mnt/library")
    target.home.mkdir(parents=True)
    shutil.unpack_archive(ROOT / ".lab/home/library.tar.gz", target.home, filter="data")
    with closing(sqlite3.connect(target.home / schema.DATABASES / schema.LIBRARY)) as database:
        for old, new in (RENAMED, ("/volume1/Media", "/media/library")):
            for table, column in (("media_parts", "file"), ("section_locations", "root_path")):
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))  # noqa: S608
        database.commit()
    tmp_path.chmod(0o755)
    subprocess.run(["chown", "-R", "1000:1000", str(target.base)], check=True)
    target.new_run(1)
    # The container takes the parent of the mount as a slave, so that parent must be a shared mount, as in a run.
    mount = str(target.base / "mnt")
    subprocess.run(["mount", "--bind", mount, mount], check=True)
    subprocess.run(["mount", "--make-shared", mount], check=True)
    yield target
    subprocess.run(["docker", "rm", "--force", "--volumes", target.name], check=False, capture_output=True)
    subprocess.run(["umount", "--lazy", mount], check=True)


def test_scan_and_analysis_are_done_and_a_second_run_finds_nothing_to_do(target: Target) -> None:
    # One file that stat() knows and nobody can read: the server passes it over, and it is named.
    broken = next((target.base / "mnt/library/Music").rglob("*.mp3"))
    broken.chmod(0)
    target.play("plex")
    target.play("scan")
    assert target.result("scan")["verdict"] == "done"
    printed = target.play("sonic", expected=2)
    sonic = target.result("sonic")
    assert (sonic["verdict"], sonic["left"]) == ("partial", 1)
    assert "begun again once" in sonic["message"]
    assert broken.name in printed
    pending = json.loads((target.base / "samples/pending-5.json").read_text())
    assert [(Path(entry["path"]).name) for entry in pending] == [broken.name]

    broken.chmod(0o644)
    target.new_run(2)
    target.play("sonic")
    assert target.result("sonic")["verdict"] == "done"
    target.new_run(3)
    target.play("sonic")
    assert target.result("sonic")["verdict"] == "already_complete"
