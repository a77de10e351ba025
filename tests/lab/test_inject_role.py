"""The role plex_db_inject with this machine as controller and target: what travels, what stays, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.files import sha256
from tests.unit.database.builder import BLOBS, LIBRARY, Builder

from .conftest import ROOT

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="the role gives files to root, as on a target"),
]


def packed(tmp_path: Path, root: str) -> Path:
    builder = Builder(tmp_path / "home" / "Plug-in Support" / "Databases", root=root)
    builder.movies()
    builder.music()
    builder.finish()
    (tmp_path / "home" / "Metadata").mkdir()
    (tmp_path / "home" / "Metadata" / "poster").write_bytes(b"poster")
    with tarfile.open(tmp_path / "home.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "home", "Plex Media Server")
    return tmp_path / "home.tar.gz"


def play(tmp_path: Path, archive: Path, *parts: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Do parts of the role, one after the other."""
    names: dict[str, Any] = {
        "archive": str(archive),
        "run_dir": str(tmp_path / "run"),
        "work_dir": str(tmp_path / "target" / "inject"),
        "backup_dir": str(tmp_path / "target" / "backup"),
        "config_dir": str(tmp_path / "target" / "config"),
        "databases_dir": str(tmp_path / "target" / "config" / "Plug-in Support" / "Databases"),
        **options,
    }
    (tmp_path / "run").mkdir(exist_ok=True)
    tasks = [
        {"name": f"Do {part}", "ansible.builtin.include_role": {"name": "plex_db_inject", "tasks_from": part}}
        for part in parts
    ]
    values = {f"plex_db_inject_{name}": value for name, value in names.items()}
    book = [{"name": "Play", "hosts": "all", "gather_facts": False, "vars": values, "tasks": tasks}]
    (tmp_path / "play.yml").write_text(yaml.safe_dump(book))
    return subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), "-i", "target,", "-c", "local", str(tmp_path / "play.yml")],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PYTHON_INTERPRETER": sys.executable},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_databases_travel_in_pieces_and_nothing_stays_on_the_way(tmp_path: Path) -> None:
    done = play(tmp_path, packed(tmp_path, "/volume1/Media"), "preflight", "upload")
    assert done.returncode == 0, done.stdout[-4000:]
    databases = tmp_path / "target" / "config" / "Plug-in Support" / "Databases"
    known = json.loads((tmp_path / "run" / "preflight.json").read_text(encoding="utf-8"))
    assert known["checksums"] == {name: sha256(databases / name) for name in (LIBRARY, BLOBS)}
    assert not list((tmp_path / "target" / "inject").iterdir())
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["preflight.json"]
    assert done.stdout.count("Piece | Copy it") == 2


def test_folders_that_are_carried_along_travel_in_their_archive(tmp_path: Path) -> None:
    archive = packed(tmp_path, "/volume1/Media")
    done = play(tmp_path, archive, "preflight", "upload", carry=["Metadata"])
    assert done.returncode == 0, done.stdout[-4000:]
    assert (tmp_path / "target" / "config" / "Metadata" / "poster").read_bytes() == b"poster"
    assert not list((tmp_path / "target" / "inject").iterdir())


def test_a_library_of_a_windows_server_is_refused_before_renting(tmp_path: Path) -> None:
    done = play(tmp_path, packed(tmp_path, "D:\\Media"), "preflight")
    assert done.returncode != 0
    assert "folders are on Windows (D:\\\\Media/Movies)" in done.stdout or "on Windows (D:\\Media" in done.stdout
    assert not list((tmp_path / "run").glob("preflight/*"))
