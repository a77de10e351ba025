"""The server that the tests of the phases share, because to start it and to scan takes longer than most of them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from lab.plexsim.plexsim import schema
from tests.faults.local_target import ROOT, Target, prepared

RENAMED = ("/volume1/Media/Music/New Horizon Orch.", "/media/library/Music/New Horizons Orchestra")


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A claimed server whose music is scanned, with most of its tracks to be analysed. The tests share it in order."""

    def inject(target: Target) -> None:
        shutil.unpack_archive(ROOT / ".lab/home/library.tar.gz", target.home, filter="data")
        with closing(sqlite3.connect(target.home / schema.DATABASES / schema.LIBRARY)) as database:
            for old, new in (RENAMED, ("/volume1/Media", "/media/library")):
                for table, column in (("media_parts", "file"), ("section_locations", "root_path")):
                    database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
            database.commit()

    with prepared(tmp_path_factory.mktemp("phases"), "phases", inject) as target:
        target.new_run()
        target.play("plex")
        target.play("scan")
        assert target.result("scan")["verdict"] == "done"
        yield target
