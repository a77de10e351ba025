"""What a sick mount has left marked as deleted comes back, though its folders are as they were."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest

from lab.plexsim.plexsim import schema
from module_utils import ledger
from tests.faults.local_target import Target

pytestmark = pytest.mark.lab

ALBUM = "Aurora Lane/First Light"
OF_ALBUM = f"SELECT id FROM media_parts WHERE file LIKE '%/{ALBUM}/%'"
MEDIA = f"SELECT media_item_id FROM media_parts WHERE id IN ({OF_ALBUM})"
ITEMS = f"SELECT metadata_item_id FROM media_items WHERE id IN ({MEDIA})"


def read(server: Target, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(server.home / schema.DATABASES / schema.LIBRARY, timeout=20)) as library:
        return library.execute(query).fetchall()


def marked(server: Target) -> int:
    return int(read(server, "SELECT count(*) FROM media_parts WHERE deleted_at > 0")[0][0])


def test_only_a_scan_that_met_a_sick_mount_is_forced_into_the_folders_of_what_is_there_again(server: Target) -> None:
    server.new_run()
    tracks = len(read(server, OF_ALBUM))
    assert tracks > 1
    for table, rows in (("media_parts", OF_ALBUM), ("media_items", MEDIA), ("metadata_items", ITEMS)):
        server.change(f"UPDATE {table} SET deleted_at = 1700000000 WHERE id IN ({rows})")
    server.play("scan", plex_scan_analyse=False)
    assert marked(server) == tracks, "an ordinary scan passes over a folder that is as it was"

    others = (
        "SELECT id, refreshed_at, updated_at FROM metadata_items WHERE metadata_type = 8 AND title != 'Aurora Lane'"
    )
    before = read(server, others)
    guard = server.base / "guard"
    guard.mkdir()
    (guard / "status.json").write_text(json.dumps({"state": "healthy", "frozen": False, "counts": {}}))
    # The sick window lies in whatever scan comes next.
    at = time.time() + 3600
    window = ({"at": at, "event": "frozen", "cause": "it died"}, {"at": at + 1, "event": "thawed"})
    (guard / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in window))
    server.new_run()
    try:
        printed = server.play("scan", plex_scan_analyse=False)
    finally:
        shutil.rmtree(guard)
    assert marked(server) == 0, printed[-5000:]
    assert read(server, f"SELECT count(*) FROM metadata_items WHERE id IN ({ITEMS}) AND deleted_at > 0") == [(0,)]
    assert read(server, others) == before, "the metadata of other artists were left alone"
    assert server.result("scan")["verdict"] == "done"
    # The window was in the second scan, too: what it marked is no evidence, and the trash stays.
    doubts = ledger.read(server.run_dir)["results"]["sick_scans"]
    assert list(doubts.values()) == ["the mount was sick while it was scanned, twice"]
