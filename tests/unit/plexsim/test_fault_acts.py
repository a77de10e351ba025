from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import fault_acts, fault_names, migrate, schema
from lab.plexsim.plexsim.faults import Faults
from lab.plexsim.plexsim.settings import Settings
from lab.plexsim.plexsim.worker import Trouble


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    monkeypatch.setenv("PLEXSIM_FAULTS", str(tmp_path / "faults.json"))
    return fault_names.from_environment()


@pytest.fixture
def settings(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Settings:
    found = Settings(tmp_path)
    fresh_library(found.library.parent)
    return found


def test_damage_is_found_and_only_where_it_was_done(settings: Settings) -> None:
    fault_acts.damage(settings.library, "media_parts")
    with closing(schema.connect(settings.library)) as library:
        assert library.execute("SELECT count(*) FROM metadata_items").fetchone()[0] == 0
        with pytest.raises(sqlite3.DatabaseError, match="malformed"):
            library.execute("SELECT * FROM media_parts").fetchall()
    with pytest.raises(migrate.UnusableError, match="malformed"):
        migrate.check(settings.library)


def test_damage_of_an_unknown_table_is_said_once(settings: Settings, faults: Faults) -> None:
    said: list[str] = []
    acts = fault_acts.Acts(settings, faults, said.append, threading.Lock())
    faults.switch("database_corrupt", on=True, parameters={"table": "nothing"})
    for _ in range(2):
        acts.step(up=True)
    assert said == [f"The fault database_corrupt cannot be done: {schema.LIBRARY} has no table 'nothing'"]


def test_the_lock_is_held_while_the_fault_is_on(settings: Settings, faults: Faults) -> None:
    acts = fault_acts.Acts(settings, faults, print, threading.Lock())
    faults.switch("database_locked", on=True)
    acts.step(up=True)
    with closing(sqlite3.connect(settings.library, timeout=0, isolation_level=None)) as outsider:
        assert outsider.execute("SELECT count(*) FROM media_parts").fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            outsider.execute("BEGIN IMMEDIATE")
        faults.switch("database_locked", on=False)
        acts.step(up=True)
        outsider.execute("BEGIN IMMEDIATE")


def test_a_full_disk_takes_nothing_and_loses_nothing(settings: Settings, faults: Faults) -> None:
    faults.switch("disk_full", on=True)
    with closing(schema.connect(settings.library)) as library:
        with pytest.raises(sqlite3.OperationalError, match="full"), schema.transaction(library):
            pytest.fail("a transaction began")
        faults.switch("disk_full", on=False)
        with schema.transaction(library):
            library.execute("INSERT INTO media_parts (file) VALUES ('/m/a.flac')")


@pytest.mark.parametrize(("kind", "other"), [("scanner", "analyser"), ("analyser", "scanner")])
def test_a_slow_worker_is_slower_by_its_factor(faults: Faults, kind: str, other: str) -> None:
    trouble = Trouble(kind, faults)
    assert trouble.slower == 1
    faults.switch(f"{kind}_slow", on=True, parameters={"factor": 7})
    assert trouble.slower == 7
    assert Trouble(other, faults).slower == 1
