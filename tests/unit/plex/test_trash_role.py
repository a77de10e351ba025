"""What keeps the trash before the server is asked about files: the playbook and the tasks of production."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from module_utils import census, ledger
from tests.unit.database.builder import LIBRARY, Builder, execute
from tests.unit.plex.conftest import FakePlex, write_token

ROOT = Path(__file__).parents[3]
DATABASES = "config/Library/Application Support/Plex Media Server/Plug-in Support/Databases"
PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.include_role": {"name": "plex_scan", "tasks_from": "trash"}}],
    }
]
RUN = "20260101T000001Z-0000"
BEFORE = {"9": {"section": 9, "title": "Music", "verdict": "emptied", "message": "the trash was emptied"}}


class Machine:
    """A host of the play: a library with two marked films, a guard that is content, a run whose scan is done."""

    def __init__(self, base: Path, url: str) -> None:
        self.base, self.databases = base, base / DATABASES
        builder = Builder(self.databases)
        section = builder.movies(count=6)
        builder.library.commit()
        builder.blobs.commit()
        write_token(base / "config", "a-token-long-enough-to-be-real")
        self.run_dir = ledger.create(base / "runs", RUN)
        self.note(scan=[{"section": section, "title": "Movies", "verdict": "done"}])
        (self.run_dir / "baseline.json").write_text(json.dumps(census.take(self.databases)), encoding="utf-8")
        execute(self.databases / LIBRARY, "UPDATE metadata_items SET deleted_at = 1700000000 WHERE id < 3")
        self.guard("healthy")
        self.variables: dict[str, t.Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "plex_scan_url": url,
            "plex_scan_base_dir": str(base),
            "plex_db_export_run_dir": str(self.run_dir),
            "plex_db_export_databases_dir": str(self.databases),
        }

    def note(self, **results: t.Any) -> None:
        ledger.merge(self.run_dir, {"results": results})

    def guard(self, state: str) -> None:
        (self.base / "guard").mkdir(exist_ok=True)
        (self.base / "guard/events.jsonl").touch()
        status = {"state": state, "frozen": False, "counts": {}}
        (self.base / "guard/status.json").write_text(json.dumps(status), encoding="utf-8")

    @property
    def told(self) -> dict[str, dict[str, t.Any]]:
        return dict(ledger.read(self.run_dir)["results"].get("trash", {}))


@pytest.fixture
def machines(plex: FakePlex, tmp_path: Path) -> dict[str, Machine]:
    entry = {"key": "1", "title": "Movies", "type": "movie", "refreshing": False}
    plex.container("GET", "/library/sections", Directory=[entry])
    made = {
        name: Machine(tmp_path / name, plex.url)
        for name in ("sick", "lost", "uncounted", "silent", "again", "blind", "sound")
    }
    made["sick"].guard("hung")
    made["lost"].variables |= {"plex_db_export_loss_at_least": 1}
    (made["uncounted"].run_dir / "baseline.json").unlink()
    made["silent"].variables["plex_scan_url"] = "http://127.0.0.1:9"
    made["again"].note(trash=BEFORE)
    made["blind"].note(sick_scans={"1": "the mount was sick while it was scanned, twice"})
    return made


@pytest.mark.deep
def test_each_reason_keeps_the_trash_and_fails_nothing(
    plex: FakePlex, machines: dict[str, Machine], tmp_path: Path
) -> None:
    hosts = {"all": {"hosts": {name: machine.variables for name, machine in machines.items()}}}
    for name, content in (("hosts.yml", hosts), ("play.yml", PLAY)):
        (tmp_path / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    played = subprocess.run(
        [f"{sys.prefix}/bin/ansible-playbook", "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")],
        cwd=ROOT, env={**os.environ, "ANSIBLE_ROLES_PATH": "roles", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert played.returncode == 0, played.stdout[-5000:] + played.stderr
    told = {name: machine.told for name, machine in machines.items()}
    assert told.pop("again") == BEFORE
    assert {entry["verdict"] for entries in told.values() for entry in entries.values()} == {"kept"}
    reasons = {
        "sick": "because the mount hangs; Plex stands still",
        "lost": "because Movies lost 2 of 6 items (2 soft-deleted, 0 removed)",
        "uncounted": "because this run has no count of the library from before",
        "blind": "because the mount was sick while it was scanned, twice",
        "silent": "because The media server did not answer GET /library/sections: no answer",
        # Nothing stands in its way but the server, which does not know the films.
        "sound": "The media server did not answer GET /library/metadata/1: HTTP 404",
    }
    said = {name: entry["message"] for name, entries in told.items() for entry in entries.values()}
    assert {name: words for name, words in reasons.items() if words not in said[name]} == {}, said
    assert not [path for method, path, _, _ in plex.asked if method == "PUT"]
    assert "Movies: the trash stays (2 items, 2 files), because the mount hangs" in " ".join(played.stdout.split())


def stand_ins(place: Path) -> Path:
    """Write roles in place of those of the export: each writes its name down, as the trash does."""
    named = {"path": "{{ burst_run_dir }}/played", "create": True, "mode": "0600"}
    tasks: dict[str, list[dict[str, t.Any]]] = {
        f"{role}/tasks/{part}.yml": [{"ansible.builtin.lineinfile": {**named, "line": f"{role} {part}"}}]
        for role, part in (
            ("plex_scan", "trash"),
            ("plex_scan", "restore_preferences"),
            ("plex_docker", "stop"),
            ("mount_guard", "stop"),
            ("plex_db_export", "main"),
        )
    }
    tasks["run_context/tasks/main.yml"] = []
    tasks["mount_guard/tasks/release.yml"] = [{"ansible.builtin.set_fact": {"__mount_guard_status": {}}}]
    for name, content in tasks.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return place


@pytest.mark.deep
@pytest.mark.parametrize(
    ("asked", "verdict", "ends_well"), [(None, "emptied", True), (True, "partial", True), (True, "failed", False)]
)
def test_the_export_asks_for_it_only_on_request_and_fails_last(
    tmp_path: Path, asked: bool | None, verdict: str, ends_well: bool
) -> None:
    run_dir = ledger.create(tmp_path / "runs", RUN)
    entry = {"verdict": verdict, "message": "emptying the trash removed 7 items"}
    ledger.merge(run_dir, {"results": {"trash": {"5": entry}}})
    names: dict[str, t.Any] = {
        "ansible_python_interpreter": sys.executable,
        "burst_runs_dir": str(tmp_path / "runs"),
        "burst_run_id": RUN,
        **({} if asked is None else {"burst_empty_trash": asked}),
    }
    environment = {
        "ANSIBLE_ROLES_PATH": str(stand_ins(tmp_path / "roles")),
        "ANSIBLE_NOCOLOR": "1",
        "BURST_TARGET_CONNECTION": "local",
    }
    played = subprocess.run(
        [f"{sys.prefix}/bin/ansible-playbook", "-i", "inventories/local.yml", "-e", json.dumps(names),
         "playbooks/export.yml"],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (played.returncode == 0) is ends_well, played.stdout[-5000:] + played.stderr
    done = (run_dir / "played").read_text(encoding="utf-8").splitlines()
    assert done[-4:] == ["plex_scan restore_preferences", "plex_docker stop", "mount_guard stop", "plex_db_export main"]
    assert done[:-4] == (["plex_scan trash"] if asked else [])
    assert ("removed 7 items. Compare before you deploy." in " ".join(played.stdout.split())) is not ends_well
