"""The deletion breaker after the analysis: the playbook of production, with an analysis that loses files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from module_utils import census
from tests.unit.database.builder import LIBRARY, execute, query

ROOT = Path(__file__).parents[3]


def analysis(loses: int, place: Path) -> Path:
    """Write roles in place of the analysis and the ledger: one soft-deletes tracks, one keeps what it is given."""
    statement = (
        "UPDATE metadata_items SET deleted_at = 1700000000 WHERE id IN (SELECT id FROM metadata_items"
        f" WHERE metadata_type = 10 ORDER BY id LIMIT {loses})"
    )
    code = f"import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('{statement}'); c.commit()"
    note = {"content": "{{ run_context_result | to_json }}", "dest": "{{ plex_db_export_run_dir }}/result.json"}
    tasks = {
        "plex_sonic/tasks/main.yml": [
            {"ansible.builtin.command": {"argv": [sys.executable, "-c", code, "{{ library }}"]}},
            {"ansible.builtin.set_fact": {"__plex_sonic_outcome": ["done"]}},
        ],
        "run_context/tasks/main.yml": [],
        "run_context/tasks/result.yml": [{"ansible.builtin.copy": {"mode": "0600", **note}}],
    }
    for name, content in tasks.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return place


@pytest.mark.deep
@pytest.mark.parametrize(("loses", "stops"), [(2, False), (3, True)])
def test_an_analysis_that_loses_too_much_stops_the_run(pair: Path, tmp_path: Path, loses: int, stops: bool) -> None:
    (tmp_path / "baseline.json").write_text(json.dumps(census.take(pair)), encoding="utf-8")
    # They need the server's own tokenizer.
    for trigger in ("fts4_before_update_icu", "fts4_after_update_icu"):
        execute(pair / LIBRARY, f"DROP TRIGGER {trigger}")
    roles = analysis(loses, tmp_path / "roles")
    hosts = {name: {"hosts": {f"here-{name}": None}} for name in ("controller", "target")}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": hosts}}), encoding="utf-8")
    names = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "library": str(pair / LIBRARY),
        "plex_db_export_databases_dir": str(pair),
        "plex_db_export_run_dir": str(tmp_path),
        "plex_db_export_loss_at_least": 2,
    }
    before = query(pair / LIBRARY, "SELECT count(*) FROM metadata_items")
    played = subprocess.run(
        [f"{sys.prefix}/bin/ansible-playbook", "-i", str(tmp_path / "hosts.yml"), "-e", json.dumps(names),
         "playbooks/sonic.yml"],
        cwd=ROOT, env={**os.environ, "ANSIBLE_ROLES_PATH": f"{roles}:roles", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    said = " ".join(played.stdout.split())
    assert (played.returncode != 0) is stops, played.stdout + played.stderr
    assert ("Music lost 3 of 12 items (3 soft-deleted, 0 removed)" in said) is stops
    assert ("the trash is not emptied" in said) is stops
    # It is marked as deleted and still there, and how the analysis ended is written down in either case.
    assert query(pair / LIBRARY, "SELECT count(*) FROM metadata_items") == before
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == {"sonic": ["done"]}
