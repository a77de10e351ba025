"""What years of use leave in a library besides its items: accounts, plays, statistics, history, old rows."""

from __future__ import annotations

import gzip
import sqlite3

from ..plexsim.plexsim import extra_data, rows
from ..plexsim.plexsim.schema import transaction

_DAY = 86400
_LOUDNESS_BLOB = 2


def _people(library: sqlite3.Connection, now: int) -> None:
    for account_id, name in ((0, ""), (1, "home")):
        row = {"id": account_id, "name": name, "created_at": now - 900 * _DAY, "updated_at": now}
        languages = {"default_audio_language": "en", "default_subtitle_language": "en"}
        rows.insert(library, "accounts", row | languages)
    device = {"identifier": "living-room", "name": "Living room", "platform": "Android"}
    rows.insert(library, "devices", device | {"created_at": now - 900 * _DAY, "updated_at": now})


def _plays(library: sqlite3.Connection, now: int) -> None:
    tracks = library.execute("SELECT id, guid FROM metadata_items WHERE metadata_type = 10 ORDER BY id").fetchall()
    for position, track in enumerate(tracks[::5]):
        seen = {"view_count": 1 + position, "last_viewed_at": now - position * _DAY, "extra_data": ""}
        times = {"created_at": now - 300 * _DAY, "updated_at": now, "changed_at": position + 1}
        rows.insert(library, "metadata_item_settings", {"account_id": 1, "guid": track["guid"]} | seen | times)
    playlist = {"metadata_type": 15, "guid": "com.plexapp.agents.none://playlist-1", "title": "Sunday"}
    rows.insert(library, "metadata_items", playlist | {"title_sort": "Sunday", "media_item_count": 3})
    # rows like these exist in real databases: a track that belongs to no section of this server
    stray = {"library_section_id": -2, "metadata_type": 10, "guid": "library://stray/item", "title": "Stray"}
    rows.insert(library, "metadata_items", stray | {"title_sort": "Stray", "extra_data": ""})


def _statistics(library: sqlite3.Connection, now: int) -> None:
    for hour in range(200):
        traffic = {"device_id": 1, "timespan": 4, "at": now - hour * 3600, "lan": 1, "bytes": 4096 * hour}
        # rows without an account are what one release wrote by the million
        rows.insert(library, "statistics_bandwidth", traffic | {"account_id": 1 if hour % 4 else None})
    for day in range(20):
        history = {"type": "library.update.section", "title": "Scanning {1}", "subtitle": "Music", "cancelled": 0}
        start = now - day * _DAY
        rows.insert(library, "activities", history | {"started_at": start, "finished_at": start + 40})


def _old_rows(library: sqlite3.Connection) -> None:
    """Leave a third of the parts and media in the encoding of before 1.40."""
    for table in ("media_parts", "media_items", "media_streams"):
        found = library.execute(f"SELECT id, extra_data FROM {table} WHERE id % 3 = 0 AND extra_data <> ''").fetchall()
        for row in found:
            text = extra_data.to_url(extra_data.decode(row["extra_data"]))
            rows.update(library, table, row["id"], {"extra_data": text})


def _loudness(library: sqlite3.Connection, blobs: sqlite3.Connection, now: int) -> None:
    streams = library.execute(
        "SELECT s.id, s.extra_data FROM media_streams s JOIN media_items m ON m.id = s.media_item_id"
        " JOIN library_sections l ON l.id = m.library_section_id AND l.section_type = 8 ORDER BY s.id LIMIT 12"
    ).fetchall()
    for row in streams:
        known = extra_data.decode(row["extra_data"]) | {"ld:gain": "-9.22", "ld:loudness": "-8.78"}
        rows.update(library, "media_streams", row["id"], {"extra_data": extra_data.to_json(known)})
        levels = gzip.compress("\n".join(f"{-20 - row['id'] / 10:.1f}" for _ in range(40)).encode(), mtime=0)
        rows.insert(
            blobs,
            "blobs",
            {"blob": levels, "linked_type": "media_stream", "linked_id": row["id"], "created_at": now}
            | {"blob_type": _LOUDNESS_BLOB},
        )


def add(library: sqlite3.Connection, blobs: sqlite3.Connection, now: int) -> None:
    """Add all of it."""
    with transaction(library), transaction(blobs):
        _people(library, now)
        _plays(library, now)
        _statistics(library, now)
        _loudness(library, blobs, now)
        _old_rows(library)
        for name, value in (("SyncedNeedsChangedAtUpdate", "0"), ("PhotoTagWordListUpdated", str(now))):
            rows.insert(library, "preferences", {"name": name, "value": value})
        rows.insert(blobs, "preferences", {"name": "SyncedNeedsChangedAtUpdate", "value": "1"})
