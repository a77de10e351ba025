"""The lab's home library for a target of local_target.py: its paths mapped to where the container sees the media."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

from lab.plexsim.plexsim import schema
from tests.faults.local_target import ROOT, Target

RENAMED = ("/volume1/Media/Music/New Horizon Orch.", "/media/library/Music/New Horizons Orchestra")


def inject(target: Target) -> None:
    """Put it where the server will find it."""
    shutil.unpack_archive(ROOT / ".lab/home/library.tar.gz", target.home, filter="data")
    with closing(sqlite3.connect(target.home / schema.DATABASES / schema.LIBRARY)) as database:
        for old, new in (RENAMED, ("/volume1/Media", "/media/library")):
            for table, column in (("media_parts", "file"), ("section_locations", "root_path")):
                database.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (old, new))
        # No inject looks which folders have new files here, so that each of them has to look changed.
        database.execute("UPDATE directories SET updated_at = 0")
        database.commit()
