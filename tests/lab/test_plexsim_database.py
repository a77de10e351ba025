"""The media server stand-in on databases it did not make: a real one, and others it must refuse."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from lab.plexsim.plexsim import schema

from .plexsim_container import Start, wait_for

REAL = Path(__file__).parents[3] / "shared" / "data" / "plex-1.32.8"

pytestmark = pytest.mark.lab


@pytest.mark.skipif(not REAL.exists(), reason=f"the real 1.32.8 databases are not in {REAL}")
def test_a_real_database_of_1_32_8_boots(start: Start) -> None:
    def fill(databases: Path) -> None:
        for name in (schema.LIBRARY, schema.BLOBS):
            shutil.copyfile(REAL / name, databases / name)

    container = start(fill=fill)
    wait_for(lambda: container.token() and container.status() == 200)
    plex = container.plex()
    with closing(sqlite3.connect(f"file:{REAL / schema.LIBRARY}?mode=ro&immutable=1", uri=True)) as real:
        names = [name for (name,) in real.execute("SELECT name FROM library_sections ORDER BY id")]
        tracks = real.execute("SELECT count(*) FROM metadata_items WHERE metadata_type = 10 AND library_section_id = 5")
        (wanted,) = tracks.fetchone()
    assert [section.title for section in plex.library.sections()] == names
    music = plex.library.section("Music")
    assert music.totalViewSize("track") == wanted
    assert len(music.albums()) == 3
    assert not any(track.hasSonicAnalysis for track in music.searchTracks())
    assert container.query("SELECT DISTINCT typeof(created_at) FROM library_sections") == [("integer",)]
    assert container.shell("PRAGMA integrity_check") == "ok"
    for table in ("fts4_metadata_titles_icu", "fts4_tag_titles_icu"):
        assert container.shell(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')") == ""
