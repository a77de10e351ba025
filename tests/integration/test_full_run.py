"""The whole job, as a person starts it: by the wrapper and by plain Ansible."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.control import settings
from module_utils import ledger as ledgers
from tests.canaries import holders_in, holders_on, watched_argv

from .conftest import Lab

pytestmark = pytest.mark.lab

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"


def query(database: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def rows_of_section(database: Path, name: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the databases say of a section, for comparing it to the letter."""
    section = query(database, "SELECT id FROM library_sections WHERE name = ?", name)[0][0]
    return {
        "metadata": query(
            database,
            "SELECT id, metadata_type, title, guid, added_at, updated_at, deleted_at, extra_data "
            "FROM metadata_items WHERE library_section_id = ? ORDER BY id",
            section,
        ),
        "parts": query(
            database,
            "SELECT p.id, p.file, p.size, p.hash, p.updated_at, p.deleted_at FROM media_parts p "
            "JOIN media_items m ON m.id = p.media_item_id WHERE m.library_section_id = ? ORDER BY p.id",
            section,
        ),
    }


def assert_enriched(run: Path, lab: Lab, home: Path) -> None:
    """The databases that came home hold every track of the bucket, analysed, and Movies as they were."""
    export = run / "export"
    expected = {f"/media/library/{file['path']}" for file in lab.manifest() if file["path"].startswith("Music/")}
    analysed = query(
        export / LIBRARY,
        "SELECT p.file, t.id FROM media_parts p JOIN media_items m ON m.id = p.media_item_id "
        "JOIN metadata_items t ON t.id = m.metadata_item_id JOIN library_sections s ON s.id = t.library_section_id "
        "WHERE s.name = 'Music' AND t.metadata_type = 10 AND t.deleted_at IS NULL AND p.deleted_at IS NULL "
        "AND t.extra_data LIKE '%musicAnalysisVersion%'",
    )
    assert {file for file, _ in analysed} == expected
    vectors = {row[0] for row in query(export / BLOBS, "SELECT linked_id FROM blobs WHERE blob_type = 7")}
    assert {track for _, track in analysed} <= vectors

    before, after = rows_of_section(home / LIBRARY, "Movies"), rows_of_section(export / LIBRARY, "Movies")
    assert after["metadata"] == before["metadata"]
    moved = [(i, f.replace("/volume1/Media/", "/media/library/"), *rest) for i, f, *rest in before["parts"]]
    assert after["parts"] == moved

    receipt = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["verdict"] == "done"


def assert_checkpoints(run: Path, place: Path) -> None:
    """Copies came home while the server worked, of which the last ones were kept; each pair is whole and agrees."""
    complete = [path.parent for path in (run / "checkpoints").glob("*Z/manifest.json")]
    assert 1 <= len(complete) <= 3
    for checkpoint in complete:
        manifest = json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["facts"]["run_id"] == run.name
        copied = place / checkpoint.name
        copied.mkdir()
        for name in (LIBRARY, BLOBS):
            archive, target = str(checkpoint / f"{name}.zst"), str(copied / name)
            subprocess.run(["zstd", "--decompress", "--quiet", "-o", target, archive], check=True)
        marked = "SELECT id FROM metadata_items WHERE metadata_type = 10 AND extra_data LIKE '%musicAnalysisVersion%'"
        vectors = {row[0] for row in query(copied / BLOBS, "SELECT linked_id FROM blobs WHERE blob_type = 7")}
        assert {row[0] for row in query(copied / LIBRARY, marked)} <= vectors


@pytest.fixture
def home(tmp_path: Path, lab: Lab) -> Path:
    """The home databases as they are before the run."""
    unpacked = tmp_path / "home"
    with tarfile.open(".lab/home/library.tar.gz") as archive:
        for member in archive:
            if member.name.endswith((LIBRARY, BLOBS)):
                member.name = Path(member.name).name
                archive.extract(member, unpacked, filter="data")
    return unpacked


class Searched:
    """The machine of a run, searched for secrets once, while Plex analyses: every stage that brings one is over."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.secrets = [settings.CLOUD_TOKEN, settings.S3_READER[1], settings.PLEX_TV_TOKEN]
        self.open_to_others: list[str] | None = None
        self.anywhere: list[str] = []

    def look(self) -> None:
        """Search it when the time has come; called now and then."""
        for book in [] if self.open_to_others is not None else self.lab.runs_dir.glob("*/ledger.json"):
            kept = ledgers.read(book.parent)
            if ("sonic", "running") in {(entry["stage"], entry["state"]) for entry in kept["stages"]}:
                host_key = (book.parent / "ssh/host_ed25519").read_text(encoding="utf-8").splitlines()[1]
                container = f"{settings.PREFIX}-srv-{kept['machine']['server_id']}"
                secrets = [*self.secrets, host_key]
                self.anywhere = holders_on(container, secrets, open_to_others=False)
                self.open_to_others = holders_on(container, secrets, open_to_others=True)


def test_the_wrapper_does_the_whole_job_and_leaves_nothing(lab: Lab, home: Path, tmp_path: Path) -> None:
    machine = Searched(lab)
    with watched_argv(*machine.secrets, look=machine.look) as spoken:
        done = lab.wrapper("run", "--inventory", "lab", "--section", "Music")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert lab.rented() == {}
    run = lab.only_run()
    assert_enriched(run, lab, home)
    assert_checkpoints(run, tmp_path)

    ledger = json.loads((run / "ledger.json").read_text(encoding="utf-8"))
    assert ledger["state"] == "closed"
    assert ledger["machine"]["gone_at"]
    with tarfile.open(run / "logs.tar.gz") as archive:
        names = archive.getnames()
    for part in (
        "target/plex/Plex Media Server.log",
        "target/mount/rclone.log",
        "target/container.log",
        "target/samples/",
        "controller.log",
        "target/cloud-init-output.log",
    ):
        assert any(name.startswith(part) for name in names), (part, names)
    assert machine.open_to_others == [], "files of the machine that anybody on it may read"
    assert "/etc/plex-burst/rclone.conf" in machine.anywhere, "the same search finds what root alone may read"
    assert spoken == [], "command lines, here and on the machine"
    assert holders_in(run, machine.secrets) == [], "what the run kept"
    assert run.stat().st_mode & 0o077 == 0


def test_plain_ansible_does_the_whole_job_and_leaves_nothing(lab: Lab, home: Path, tmp_path: Path) -> None:
    done = lab.command(
        "ansible-playbook",
        "-i",
        "inventories/lab.yml",
        "playbooks/full_run.yml",
        "-e",
        "profile=superpower",
        "-e",
        json.dumps({"burst_runs_dir": str(lab.runs_dir)}),
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert lab.rented() == {}
    run = lab.only_run()
    receipt = json.loads((run / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["verdict"] == "done"
    assert query(run / "export" / LIBRARY, "SELECT COUNT(*) FROM metadata_items WHERE metadata_type = 1") == [
        (len([file for file in lab.manifest() if file["path"].startswith("Movies/")]),)
    ]


def test_a_stage_that_is_done_changes_nothing_when_it_is_run_again(lab: Lab) -> None:
    """Provision, mount, restore and plex alone, twice; the second time nothing changes."""
    words = ["-e", "profile=superpower", "-e", json.dumps({"burst_runs_dir": str(lab.runs_dir)})]

    def play(stage: str) -> str:
        done = lab.command("ansible-playbook", "-i", "inventories/lab.yml", f"playbooks/{stage}.yml", *words)
        assert done.returncode == 0, done.stdout[-6000:]
        return done.stdout

    try:
        play("preflight")
        for stage in ("provision", "mount", "restore", "plex"):
            play(stage)
            again = play(stage)
            recap = [line for line in again.split("PLAY RECAP", 1)[1].splitlines() if "changed=" in line]
            assert recap
            assert all("changed=0 " in line for line in recap), (stage, again[-4000:])
    finally:
        play("teardown")
    assert lab.rented() == {}
