"""A small look-alike of Plex's databases, with the traps of the real ones planted in it."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

LIBRARY = "com.plexapp.plugins.library.db"
BLOBS = "com.plexapp.plugins.library.blobs.db"
REAL = Path(__file__).parents[4] / "shared" / "data" / "plex-1.32.8"

DDL = """
CREATE TABLE schema_migrations (version varchar(255) NOT NULL, rollback_sql text);
CREATE TABLE library_sections (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name varchar(255),
  section_type integer, created_at {date}, scanned_at {date});
CREATE TABLE section_locations (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, library_section_id integer,
  root_path varchar(255), available boolean DEFAULT 't');
CREATE TABLE directories (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, library_section_id integer,
  parent_directory_id integer, path varchar(255), created_at {date}, updated_at {date}, deleted_at {date});
CREATE TABLE metadata_items (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, library_section_id integer,
  parent_id integer, metadata_type integer, guid varchar(255), title varchar(255),
  title_sort varchar(255) COLLATE NOCASE, summary text, deleted_at dt_integer(8), extra_data varchar(255),
  changed_at integer(8) DEFAULT 0);
CREATE TABLE media_items (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, library_section_id integer,
  section_location_id integer, metadata_item_id integer, deleted_at dt_integer(8));
CREATE TABLE media_parts (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, media_item_id integer,
  directory_id integer, file varchar(255), size integer(8), deleted_at dt_integer(8));
CREATE TABLE media_streams (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, stream_type_id integer,
  media_item_id integer, url varchar(255), media_part_id integer);
CREATE TABLE metadata_item_settings (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, account_id integer,
  guid varchar(255), view_count integer);
CREATE TABLE metadata_item_views (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, account_id integer,
  guid varchar(255));
CREATE TABLE blobs (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, blob blob, linked_type varchar(255),
  linked_id integer, linked_guid varchar(255), created_at {date}, blob_type integer);
CREATE INDEX index_media_parts_on_file ON media_parts (file);
CREATE INDEX index_media_parts_on_directory_id ON media_parts (directory_id);
CREATE INDEX index_media_parts_on_media_item_id ON media_parts (media_item_id);
CREATE INDEX index_media_items_on_metadata_item_id ON media_items (metadata_item_id);
CREATE INDEX index_metadata_items_on_guid ON metadata_items (guid);
CREATE INDEX index_metadata_items_on_library_section_id ON metadata_items (library_section_id);
CREATE INDEX index_media_streams_on_media_part_id ON media_streams (media_part_id);
CREATE INDEX index_metadata_item_settings_on_guid ON metadata_item_settings (guid);
CREATE INDEX index_metadata_item_views_on_guid ON metadata_item_views (guid);
CREATE INDEX index_title_sort_icu ON metadata_items (title_sort COLLATE icu_root);
CREATE INDEX index_directories_on_path ON directories (path);
CREATE INDEX index_blobs_on_linked_type ON blobs (linked_type);
CREATE UNIQUE INDEX index_blobs_on_linked_type_linked_id_and_blob_type ON blobs (linked_type, linked_id, blob_type);
"""
PLANTED = {
    "fts4_icu": "CREATE VIRTUAL TABLE fts4_icu USING fts4(content='metadata_items', title, tokenize=collating 'root')",
    "spellfix_titles": "CREATE VIRTUAL TABLE spellfix_titles USING spellfix1",
}
TRIGGERS = """
CREATE TRIGGER fts4_before_update_icu BEFORE UPDATE ON metadata_items BEGIN
  DELETE FROM fts4_icu WHERE docid=old.rowid; END;
CREATE TRIGGER fts4_after_update_icu AFTER UPDATE ON metadata_items BEGIN
  INSERT INTO fts4_icu(docid, title) VALUES(new.rowid, new.title); END;
"""
MARKS = ('{"ms:musicAnalysisVersion":"1","url":"ms%3AmusicAnalysisVersion=1"}', "ms%3AmusicAnalysisVersion=1")


def icu(left: str, right: str) -> int:
    """Order as the real collation does, more or less: ICU is not there to ask."""
    left, right = left.casefold().replace(" ", ""), right.casefold().replace(" ", "")
    return (left > right) - (left < right)


def make_schema(path: Path, dates: str, migrations: int = 40) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.create_collation("icu_root", icu)
    connection.execute("PRAGMA page_size = 1024")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(DDL.format(date=dates))
    versions = [(f"2020010100{number:04d}",) for number in range(migrations)]
    connection.executemany("INSERT INTO schema_migrations (version) VALUES (?)", versions)
    return connection


def plant(connection: sqlite3.Connection) -> None:
    """Plant the tables that only Plex's build can use, once the rows are in."""
    connection.commit()
    connection.execute("PRAGMA writable_schema = ON")
    connection.executemany(
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)",
        list(PLANTED.items()),
    )
    connection.commit()
    connection.execute("PRAGMA writable_schema = RESET")
    connection.executescript(TRIGGERS)


class Builder:
    """Makes a pair: a section of music with analysed tracks, a section of movies."""

    def __init__(self, directory: Path, dates: str = "dt_integer(8)", root: str = "/volume1/Media") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory, self.root = directory, root
        self.library = make_schema(directory / LIBRARY, dates)
        self.blobs = make_schema(directory / BLOBS, dates)

    def insert(self, table: str, **values: Any) -> int:
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        cursor = self.library.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def section(self, name: str, kind: int, *roots: str) -> int:
        key = self.insert("library_sections", name=name, section_type=kind)
        for root in roots:
            self.insert("section_locations", library_section_id=key, root_path=root)
        return key

    def directory_row(self, section: int, parent: int | None, path: str) -> int:
        return self.insert("directories", library_section_id=section, parent_directory_id=parent, path=path)

    def item(self, section: int, kind: int, title: str, parent: int | None = None, **more: Any) -> int:
        guid = more.pop("guid", f"plex://{kind}/{title}")
        return self.insert(
            "metadata_items", library_section_id=section, metadata_type=kind, parent_id=parent, title=title,
            title_sort=title, guid=guid, summary="x" * 900, **more,
        )  # fmt: skip

    def part(self, section: int, item: int, directory: int, file: str | bytes) -> int:
        media = self.insert("media_items", library_section_id=section, metadata_item_id=item)
        value = file if isinstance(file, str) else None
        part = self.insert("media_parts", media_item_id=media, directory_id=directory, file=value, size=1000)
        if isinstance(file, bytes):
            self.library.execute("UPDATE media_parts SET file = CAST(? AS TEXT) WHERE id = ?", (file, part))
        return part

    def analyse(self, item: int, vector: bool = True) -> None:
        self.library.execute("UPDATE metadata_items SET extra_data = ? WHERE id = ?", (MARKS[item % 2], item))
        if vector:
            self.blobs.execute(
                "INSERT INTO blobs (blob, linked_type, linked_id, blob_type) VALUES (?, 'metadata_item', ?, 7)",
                (gzip.compress(b"0.5," * 50), item),
            )

    def music(self, artists: int = 2, albums: int = 2, tracks: int = 3, analysed: int = 4) -> int:
        root = f"{self.root}/Music"
        section = self.section("Music", 8, root)
        top = self.directory_row(section, None, "")
        left = analysed
        for a in range(artists):
            artist, home = self.item(section, 8, f"Artist {a}"), self.directory_row(section, top, f"Artist {a}")
            for b in range(albums):
                relative = f"Artist {a}/Album {b}"
                album, folder = self.item(section, 9, relative, artist), self.directory_row(section, home, relative)
                for c in range(tracks):
                    track = self.item(section, 10, f"{relative}/{c}", album)
                    self.part(section, track, folder, f"{root}/{relative}/{c:02d} Track.flac")
                    if left:
                        self.analyse(track)
                        left -= 1
        return section

    def movies(self, count: int = 3) -> int:
        section = self.section("Movies", 1, f"{self.root}/Movies")
        top = self.directory_row(section, None, "")
        for number in range(count):
            item = self.item(section, 1, f"Movie {number}")
            self.part(section, item, top, f"{self.root}/Movies/Movie {number} (2001).mkv")
        return section

    def finish(self) -> Path:
        for connection in (self.library, self.blobs):
            plant(connection)
            connection.commit()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        return self.directory


def copy_real(directory: Path) -> Path:
    if not (REAL / LIBRARY).exists():
        pytest.skip(f"no real databases in {REAL}")
    directory.mkdir(parents=True)
    for name in (LIBRARY, BLOBS):
        shutil.copyfile(REAL / name, directory / name)
    return directory


def query(path: Path, sql: str, *parameters: Any) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def execute(path: Path, sql: str, *parameters: Any) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, parameters)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
