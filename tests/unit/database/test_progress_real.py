"""The modules that read while a phase is under way, on the pair that a real Plex 1.32.8 wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from plugins.modules import plex_db_census, plex_db_losses, plex_pending_tracks, plex_progress, plex_wal
from tests.unit.database.builder import LIBRARY, query

Run = Callable[..., dict[str, Any]]
MUSIC = "SELECT id FROM library_sections WHERE section_type = 8"


def change(pair: Path, statement: str) -> None:
    """Change the library as the server does; its full text and its ICU index need the server's own SQLite."""
    with closing(sqlite3.connect(pair / LIBRARY, isolation_level=None)) as library:
        for name, kind in library.execute(
            "SELECT name, type FROM sqlite_master WHERE tbl_name = 'metadata_items'"
            " AND (type = 'trigger' OR sql LIKE '%icu_root%') AND type IN ('trigger', 'index')"
        ).fetchall():
            library.execute(f"DROP {kind} {name}")
        library.execute(statement)


def test_progress_is_what_the_census_says(run: Run, real_pair: Path, tmp_path: Path) -> None:
    sections = run(plex_db_census, directory=real_pair)["census"]["sections"]
    assert len(sections) == 4
    for section in sections:
        told = run(plex_progress, database_dir=real_pair, section=section["id"])
        assert (told["state"], told["counted"]) == ("ok", "everything")
        assert told["live"] == sum(section["items"].values())
        assert told["total"] == told["live"] + sum(section["deleted"].values())
        assert told["tracks"] == section["items"].get("10", 0)
        assert (told["analysed"], told["vectors"]) == (section["analysed"], section["blobs"])


def test_progress_follows_the_changes(run: Run, real_pair: Path, tmp_path: Path) -> None:
    ((music,),) = query(real_pair / LIBRARY, MUSIC)
    options = {"database_dir": real_pair, "section": music, "counted": tmp_path / "counted"}
    first = run(plex_progress, **options)
    change(
        real_pair,
        "UPDATE metadata_items SET extra_data = 'ms%3AmusicAnalysisVersion=1', changed_at ="
        " (SELECT max(changed_at) + 1 FROM metadata_items) WHERE id = (SELECT min(id) FROM metadata_items"
        f" WHERE metadata_type = 10 AND library_section_id = {music} AND instr(ifnull(extra_data, ''),"
        " 'musicAnalysisVersion') = 0)",
    )
    then = run(plex_progress, **options)
    assert (first["counted"], then["counted"]) == ("everything", "changes")
    assert (then["analysed"], then["pending"]) == (first["analysed"] + 1, first["pending"] - 1)
    assert then["changed_at"] > first["changed_at"]
    listed = run(plex_pending_tracks, database_dir=real_pair, section=music, dest=tmp_path / "pending.json")
    # A mark without a vector is not taken for an analysis there.
    assert (listed["changed"], listed["pending"]) == (True, first["pending"])


def test_what_is_lost_is_told(run: Run, real_pair: Path) -> None:
    before = run(plex_db_census, directory=real_pair)["census"]
    assert run(plex_db_losses, directory=real_pair, before=before, at_least=0, percent=0)["passes"] is False
    change(real_pair, "UPDATE metadata_items SET deleted_at = 1700000000 WHERE metadata_type = 10")
    told = run(plex_db_losses, directory=real_pair, before=before, at_least=8, percent=0)
    assert told["passes"]
    assert "Music lost 9 of 9 items (9 soft-deleted, 0 removed)" in told["message"]


def test_there_is_no_log_to_bring_in(run: Run, real_pair: Path) -> None:
    assert run(plex_wal, directory=real_pair)["changed"] is False
