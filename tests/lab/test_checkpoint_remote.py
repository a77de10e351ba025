"""Checkpoints on an S3 remote: the role brings each there with its manifest, keeps the last ones, all are whole."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from lab.control import images, settings
from lab.plexsim.plexsim import rows, schema
from module_utils.files import sha256
from module_utils.integrity import check

from .conftest import ROOT, rclone_environment

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

RUN = "20260101T000000Z-c0de"
KEEP = 1
Rclone = Callable[..., str]


@pytest.fixture
def rclone(tmp_path: Path) -> Iterator[Rclone]:
    """rclone as the target has it: a program and a configuration with one remote, here one that may write."""
    remote = {name.removeprefix("RCLONE_CONFIG_LAB_").lower(): value for name, value in
              rclone_environment(settings.S3_ADMIN).items() if name.startswith("RCLONE_CONFIG_LAB_")}  # fmt: skip
    (tmp_path / "rclone.conf").write_text("[LAB]\n" + "".join(f"{key} = {value}\n" for key, value in remote.items()))

    def call(*words: str) -> str:
        command = [str(images.environment_program("rclone")), "--config", str(tmp_path / "rclone.conf"), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    call("mkdir", f"LAB:{settings.PREFIX}-checkpoints")
    yield call
    call("purge", f"LAB:{settings.PREFIX}-checkpoints")


def play(tmp_path: Path, databases: Path, times: int) -> None:
    """Take that many checkpoints, each of a library that has changed."""
    change = (
        "import sqlite3, sys; library = sqlite3.connect(sys.argv[1]);"
        "library.execute('UPDATE library_sections SET name = name || 1'); library.commit()"
    )
    role = {"name": "plex_db_export", "tasks_from": "checkpoint_taken"}
    options = {
        "plex_db_export_databases_dir": str(databases),
        "plex_db_export_run_dir": str(tmp_path / "runs" / RUN),
        "plex_db_export_checkpoints_dir": str(tmp_path / "target"),
        "plex_db_export_checkpoint_keep": KEEP,
        "plex_db_export_remote": f"LAB:{settings.PREFIX}-checkpoints/burst",
        "plex_db_export_rclone": str(images.environment_program("rclone")),
        "plex_db_export_rclone_config": str(tmp_path / "rclone.conf"),
        "plex_db_export_pms_version": "1.43.3.10861-07dfddaeb",
    }
    tasks = [
        {"name": "Change the library", "ansible.builtin.command": {"argv": ["python3", "-c", change,
         str(databases / schema.LIBRARY)]}},
        {"name": "Take a checkpoint", "ansible.builtin.include_role": role},
    ] * times  # fmt: skip
    playbook = tmp_path / "play.yml"
    plays = [{"name": "Take checkpoints", "hosts": "all", "gather_facts": False, "vars": options, "tasks": tasks}]
    playbook.write_text(yaml.safe_dump(plays))
    done = subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "target,", "-c", "local", str(playbook)],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_the_last_ones_are_kept_and_each_is_whole(tmp_path: Path, rclone: Rclone) -> None:
    databases = tmp_path / "Databases"
    schema.create_library(databases)
    with closing(schema.connect(databases / schema.LIBRARY)) as library, schema.transaction(library):
        rows.add_section(library, name="Music", section_type=8, locations=["/m"], now=1, section_id=5)
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    play(tmp_path, databases, KEEP + 1)
    place = f"LAB:{settings.PREFIX}-checkpoints/burst/{RUN}/checkpoints"
    # By their files: the lab's server goes on listing a folder that is empty.
    there = sorted({path.split("/")[0] for path in rclone("lsf", "--recursive", "--files-only", place).split()})
    at_home = sorted(path.name for path in (tmp_path / "runs" / RUN / "checkpoints").glob("*Z"))
    assert len(there) == KEEP
    assert there == at_home == sorted(path.name for path in (tmp_path / "target").glob("*Z"))
    for name in there:
        copied = tmp_path / "back" / name
        rclone("copy", f"{place}/{name}", str(copied))
        manifest = json.loads((copied / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["facts"] == {"run_id": RUN, "pms_version": "1.43.3.10861-07dfddaeb"}
        for file in manifest["files"]:
            packed = copied / file["archive"]["name"]
            assert sha256(packed) == file["archive"]["sha256"]
            subprocess.run(["zstd", "-d", "--quiet", str(packed), "-o", str(copied / file["name"])], check=True)
            assert sha256(copied / file["name"]) == file["sha256"]
        assert check(copied).problems == []
