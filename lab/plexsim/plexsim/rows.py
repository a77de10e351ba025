"""Rows of a library as the server writes them."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from collections.abc import Mapping

from . import extra_data
from .facts import Facts
from .schema import next_change

MOVIE_SECTION, MUSIC_SECTION = 1, 8
MOVIE, ARTIST, ALBUM, TRACK = 1, 8, 9, 10
AGENTS = {
    MOVIE_SECTION: ("tv.plex.agents.movie", "Plex Movie"),
    MUSIC_SECTION: ("tv.plex.agents.music", "Plex Music"),
}
_KINDS = {MOVIE: "movie", ARTIST: "artist", ALBUM: "album", TRACK: "track"}
_EMPTY_TEXTS = (
    *("original_title", "studio", "tagline", "summary", "content_rating", "extra_data", "user_fields"),
    *(f"user_{name}_url" for name in ("thumb", "art", "banner", "music")),
    *(f"tags_{name}" for name in ("genre", "collection", "director", "writer", "star", "country")),
)
_NAMESPACE = uuid.UUID("6f2c1d0e-5a1b-4c52-9a57-3b1d7a60c9de")


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    """Insert one row, return its id."""
    columns = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join("?" for _ in values)
    sql = f"INSERT INTO {table} ({columns}) VALUES ({marks})"
    return int(connection.execute(sql, tuple(values.values())).lastrowid or 0)


def update(connection: sqlite3.Connection, table: str, row_id: int, values: Mapping[str, object]) -> None:
    """Change one row by id."""
    columns = ", ".join(f'"{name}" = ?' for name in values)
    sql = f"UPDATE {table} SET {columns} WHERE id = ?"
    connection.execute(sql, (*values.values(), row_id))


def sha1(text: str) -> str:
    """Give the 40 hex digits that name a bundle directory."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def add_section(
    connection: sqlite3.Connection,
    *,
    name: str,
    section_type: int,
    locations: list[str],
    now: int,
    section_id: int | None = None,
    agent: str = "",
    scanner: str = "",
    language: str = "en-US",
) -> int:
    """Add a section with its locations."""
    default_agent, default_scanner = AGENTS[section_type]
    chosen = {} if section_id is None else {"id": section_id}
    section_id = insert(
        connection,
        "library_sections",
        chosen
        | dict.fromkeys(("name_sort", "user_thumb_url", "user_art_url", "user_theme_music_url"), "")
        | {
            "name": name,
            "section_type": section_type,
            "language": language,
            "agent": agent or default_agent,
            "scanner": scanner or default_scanner,
            "created_at": now,
            "updated_at": now,
            "user_fields": "",
            "query_xml": "",
            "uuid": str(uuid.uuid5(_NAMESPACE, f"{name}{locations}")),
            "changed_at": next_change(connection),
            "content_changed_at": 0,
            "metadata_agent_provider_group_id": 1,
        },
    )
    for path in locations:
        add_location(connection, section_id, path, now)
    return section_id


def add_location(connection: sqlite3.Connection, section_id: int, path: str, now: int) -> int:
    """Add a root directory to a section."""
    return insert(
        connection,
        "section_locations",
        {"library_section_id": section_id, "root_path": path, "available": 1}
        | {"scanned_at": None, "created_at": now, "updated_at": now},
    )


def set_locations(connection: sqlite3.Connection, section_id: int, paths: list[str], now: int) -> None:
    """Give a section these root directories; those it has already keep their rows."""
    locations = "SELECT id, root_path FROM section_locations WHERE library_section_id = ?"
    known = {row["root_path"]: row["id"] for row in connection.execute(locations, (section_id,))}
    for path in known.keys() - set(paths):
        connection.execute("DELETE FROM section_locations WHERE id = ?", (known[path],))
    for path in paths:
        if path not in known:
            add_location(connection, section_id, path, now)


def delete_section(connection: sqlite3.Connection, section_id: int) -> None:
    """Remove a section with everything in it."""
    media = "SELECT id FROM media_items WHERE library_section_id = ?"
    for statement in (
        f"DELETE FROM media_streams WHERE media_item_id IN ({media})",
        f"DELETE FROM media_parts WHERE media_item_id IN ({media})",
        "DELETE FROM media_items WHERE library_section_id = ?",
        "DELETE FROM metadata_items WHERE library_section_id = ?",
        "DELETE FROM directories WHERE library_section_id = ?",
        "DELETE FROM section_locations WHERE library_section_id = ?",
        "DELETE FROM library_sections WHERE id = ?",
    ):
        connection.execute(statement, (section_id,))


def add_item(connection: sqlite3.Connection, section_id: int, kind: int, title: str, now: int, **values: object) -> int:
    """Add a metadata item: movie, artist, album or track."""
    identity = sha1(f"{_KINDS[kind]}/{values.get('parent_id')}/{values.get('index')}/{title}")
    row: dict[str, object] = {
        "library_section_id": section_id,
        "metadata_type": kind,
        "guid": f"plex://{_KINDS[kind]}/{identity[:24]}",
        "media_item_count": 1 if kind in (MOVIE, TRACK) else 0,
        "title": title,
        "title_sort": title.removeprefix("The ").removeprefix("A "),
        **dict.fromkeys(_EMPTY_TEXTS, ""),
        "index": 1,
        "added_at": now,
        "created_at": now,
        "updated_at": now,
        "hash": identity,
        "changed_at": next_change(connection),
        "resources_changed_at": 0,
    }
    return insert(connection, "metadata_items", row | values)


def media_values(facts: Facts, size: int) -> dict[str, object]:
    """Give the columns of media_items that follow from a file."""
    return {
        "size": size,
        "duration": facts.duration,
        "bitrate": facts.bitrate,
        "container": facts.container,
        "video_codec": facts.video_codec,
        "width": facts.width,
        "height": facts.height,
        "audio_codec": facts.codec,
        "audio_channels": facts.channels,
        "media_analysis_version": 4 if facts.analysed else 0,
        "extra_data": extra_data.to_json({"ma:audioProfile": "lc"} if facts.codec == "aac" else {}),
    }


def part_extra(facts: Facts) -> str:
    """Give extra_data of a media part."""
    values = {"ma:container": facts.container}
    if facts.codec == "aac":
        values["ma:audioProfile"] = "lc"
    return extra_data.to_json(values)


def add_streams(connection: sqlite3.Connection, media_id: int, part_id: int, facts: Facts, now: int) -> None:
    """Add the streams of a part; nothing when they are unknown."""
    if not facts.analysed:
        return
    common = {"media_item_id": media_id, "media_part_id": part_id, "url": "", "language": ""}
    common |= {"created_at": None, "updated_at": now}
    if facts.video_codec:
        size = {"ma:height": str(facts.height), "ma:width": str(facts.width)}
        picture = {"stream_type_id": 1, "codec": facts.video_codec, "index": 0}
        insert(connection, "media_streams", common | picture | {"extra_data": extra_data.to_json(size)})
    sound = {"stream_type_id": 2, "codec": facts.codec, "index": 1 if facts.video_codec else 0}
    sound |= {"channels": facts.channels, "bitrate": None if facts.video_codec else facts.bitrate}
    layout = {"ma:audioChannelLayout": "stereo", **facts.stream}
    insert(connection, "media_streams", common | sound | {"extra_data": extra_data.to_json(layout)})
