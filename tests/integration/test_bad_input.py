"""Bad input: one sentence, a non-zero exit, nothing left running, nothing changed at home."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import ROOT, Lab, sentence

pytestmark = pytest.mark.lab

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"
GOOD = ROOT / ".lab/home/library.tar.gz"


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as opened:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


def good_members() -> dict[str, bytes]:
    with tarfile.open(GOOD) as opened:
        return {m.name: s.read() for m in opened if (s := opened.extractfile(m)) is not None}


def not_plex(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "other.db")) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
        connection.commit()
    other = (folder / "other.db").read_bytes()
    return archive(folder / "bad.tar.gz", {LIBRARY: other, BLOBS: other})


def truncated_database(folder: Path) -> Path:
    members = good_members()
    name = next(name for name in members if name.endswith(LIBRARY))
    return archive(folder / "bad.tar.gz", members | {name: members[name][: len(members[name]) // 2]})


def truncated_archive(folder: Path) -> Path:
    (folder / "bad.tar.gz").write_bytes(GOOD.read_bytes()[:20000])
    return folder / "bad.tar.gz"


def text_file(folder: Path) -> Path:
    (folder / "bad.tar.gz").write_text("this is no archive")
    return folder / "bad.tar.gz"


BAD_ARCHIVES: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "missing": (lambda folder: folder / "bad.tar.gz", ["bad.tar.gz"]),
    "no archive": (text_file, ["bad.tar.gz"]),
    "truncated archive": (truncated_archive, ["bad.tar.gz"]),
    "no databases": (lambda folder: archive(folder / "bad.tar.gz", {"notes.txt": b"hello"}), [LIBRARY]),
    "climbs out": (
        lambda folder: archive(folder / "bad.tar.gz", good_members() | {f"../../{LIBRARY}": b"SQLite format 3\0"}),
        ["bad.tar.gz", ".."],
    ),
    "not Plex": (not_plex, ["bad.tar.gz", "not a Plex library"]),
    "truncated database": (truncated_database, [LIBRARY]),
}


@pytest.mark.parametrize("name", BAD_ARCHIVES)
def test_a_bad_archive_is_refused_before_anything_is_rented(lab: Lab, tmp_path: Path, name: str) -> None:
    make, words = BAD_ARCHIVES[name]
    done = lab.wrapper("run", "--inventory", "lab", "--section", "Music", "--archive", str(make(tmp_path)))
    assert done.returncode == 2, done.stdout + done.stderr
    sentence(done, words)
    assert lab.rented() == {}


BAD_MAPPINGS = {
    "not JSON": ("{", ["path_mappings.json"]),
    "not an object": ("[]", ["path_mappings.json"]),
    "nobody uses it": (json.dumps({"mappings": {"/nowhere/at/all": "/media/library"}}), ["/nowhere/at/all"]),
}


@pytest.mark.parametrize("name", BAD_MAPPINGS)
def test_a_bad_mappings_file_is_refused_before_anything_is_rented(lab: Lab, tmp_path: Path, name: str) -> None:
    text, words = BAD_MAPPINGS[name]
    mappings = tmp_path / "path_mappings.json"
    mappings.write_text(text)
    done = lab.wrapper("run", "--inventory", "lab", "--section", "Music", "--path-mappings", str(mappings))
    assert done.returncode == 2, done.stdout + done.stderr
    sentence(done, words)
    assert lab.rented() == {}


def test_unknown_names_are_refused_with_the_known_ones(lab: Lab) -> None:
    cases = [
        (["--section", "Musik"], ["Musik", "Movies", "Music"]),
        (["--section", "Music", "--instance", "hyper"], ["hyper", "lite", "standard", "power", "superpower"]),
        (["--section", "Music", "--monitoring", "patient"], ["patient", "local", "cloud"]),
    ]
    for arguments, words in cases:
        done = lab.wrapper("run", "--inventory", "lab", *arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        sentence(done, words)
    done = lab.wrapper("run", "--inventory", "mars", "--section", "Music")
    assert done.returncode == 2
    sentence(done, ["mars", "lab", "scaleway", "local"])
    assert lab.rented() == {}


def changed_lab(folder: Path, setting: str, value: str) -> str:
    """An inventory that is the lab's, with one variable of group_vars/lab.yml changed."""
    shutil.copytree(ROOT / "group_vars", folder / "group_vars")
    shutil.copy(ROOT / "inventories/lab.yml", folder / "lab.yml")
    variables = folder / "group_vars/lab.yml"
    text, count = re.subn(rf"^{setting}: .*$", f"{setting}: {value}", variables.read_text(), flags=re.MULTILINE)
    assert count == 1, setting
    variables.write_text(text)
    return str(folder / "lab.yml")


def test_a_wrong_token_of_the_provider_is_one_sentence(lab: Lab, tmp_path: Path) -> None:
    wrong = "99999999-9999-4999-8999-999999999999"
    inventory = changed_lab(tmp_path, "burst_scw_secret_key", wrong)
    done = lab.wrapper("run", "--inventory", inventory, "--section", "Music")
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    sentence(done, ["SCW_SECRET_KEY"])
    assert wrong not in done.stdout + done.stderr
    assert lab.rented() == {}


@pytest.mark.parametrize(
    ("setting", "words"),
    [("burst_s3_bucket", ["BURST_S3_BUCKET is not set"]), ("burst_s3_secret_key", ["BURST_S3_SECRET_KEY is not set"])],
)
def test_what_names_the_bucket_is_asked_for_before_anything_is_rented(
    lab: Lab, tmp_path: Path, setting: str, words: list[str]
) -> None:
    done = lab.wrapper("run", "--inventory", changed_lab(tmp_path, setting, '""'), "--section", "Music")
    assert done.returncode == 2, done.stdout + done.stderr
    sentence(done, words)
    assert lab.rented() == {}


def test_a_bucket_that_does_not_exist_ends_with_the_machine_gone(lab: Lab, tmp_path: Path) -> None:
    home_before = hashlib.sha256(GOOD.read_bytes()).hexdigest()
    inventory = changed_lab(tmp_path, "burst_s3_bucket", "no-such-bucket")
    done = lab.wrapper("run", "--inventory", inventory, "--section", "Music")
    assert done.returncode == 1, done.stdout + done.stderr
    sentence(done, ["no-such-bucket"])
    assert lab.rented() == {}
    assert hashlib.sha256(GOOD.read_bytes()).hexdigest() == home_before


def test_without_docker_the_lab_says_so(lab: Lab) -> None:
    lab.environment["DOCKER_HOST"] = "unix:///nonexistent/docker.sock"
    done = lab.command("script/lab", "up")
    assert done.returncode != 0
    sentence(done, ["Docker"])
