"""Files into rows: the artist, album, track or movie of a file, its media, part and stream."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from . import rows, trash
from .facts import Facts
from .schema import next_change


@dataclass(frozen=True)
class Found:
    """A file that could be stat'ed, and what it says about itself."""

    path: str
    stat: os.stat_result
    facts: Facts

    @property
    def mtime(self) -> int:
        """The time the database keeps: whole seconds."""
        return int(self.stat.st_mtime)


@dataclass(frozen=True)
class Shelf:
    """Where the rows of one section location go."""

    connection: sqlite3.Connection
    section_id: int
    section_type: int
    location_id: int
    now: int

    def _item(self, kind: int, title: str, parent_id: int | None, **values: object) -> int:
        """Find an item by kind, parent, title and the given numbers, or add it; alive either way."""
        numbers = {name: values[name] for name in ("index", "absolute_index") if name in values}
        if kind not in (rows.TRACK, rows.MOVIE):
            numbers = {}
        conditions = "".join(f' AND "{name}" IS ?' for name in numbers)
        found = self.connection.execute(
            "SELECT id FROM metadata_items WHERE library_section_id = ? AND metadata_type = ?"
            f" AND title = ? AND parent_id IS ?{conditions} ORDER BY deleted_at IS NOT NULL, id",
            (self.section_id, kind, title, parent_id, *numbers.values()),
        ).fetchone()
        if found:
            return int(found["id"])
        item_id = rows.add_item(self.connection, self.section_id, kind, title, self.now, parent_id=parent_id, **values)
        if parent_id is not None:
            rows.update(self.connection, "metadata_items", parent_id, {"changed_at": next_change(self.connection)})
        return item_id

    def item_of(self, found: Found) -> int:
        """Find or add the item a file belongs to."""
        facts = found.facts
        values: dict[str, object] = {"created_at": found.mtime}
        if self.section_type == rows.MOVIE_SECTION:
            return self._item(rows.MOVIE, facts.title, None, year=facts.year, duration=facts.duration, **values)
        artist = self._item(rows.ARTIST, facts.artist or "Unknown Artist", None)
        album = self._item(
            rows.ALBUM, facts.album or "[Unknown Album]", artist, year=facts.year, tags_genre=facts.genre
        )
        other = facts.track_artist if facts.track_artist != facts.artist else ""
        values |= {"index": facts.track, "absolute_index": facts.disc, "original_title": other}
        return self._item(rows.TRACK, facts.title, album, **values)

    def add(self, found: Found, directory_id: int) -> None:
        """Write a file that the library does not know."""
        item_id = self.item_of(found)
        size = found.stat.st_size
        media_id = rows.insert(
            self.connection,
            "media_items",
            {"library_section_id": self.section_id, "section_location_id": self.location_id}
            | {"metadata_item_id": item_id, "source": "", "hints": "", "display_offset": 0, "settings": ""}
            | {"created_at": found.mtime, "updated_at": self.now, "color_trc": ""}
            | rows.media_values(found.facts, size),
        )
        part_id = rows.insert(
            self.connection,
            "media_parts",
            {
                "media_item_id": media_id,
                "directory_id": directory_id,
                "hash": rows.sha1(f"{found.path}{size}"),
            }
            | {"open_subtitle_hash": rows.sha1(found.path)[:16], "file": found.path, "size": size}
            | {"duration": found.facts.duration, "created_at": None, "updated_at": found.mtime}
            | {"extra_data": rows.part_extra(found.facts)},
        )
        rows.add_streams(self.connection, media_id, part_id, found.facts, self.now)
        trash.restore_part(self.connection, part_id)
        self.connection.execute(
            "UPDATE metadata_items SET media_item_count ="
            " (SELECT count(*) FROM media_items WHERE metadata_item_id = ?1) WHERE id = ?1",
            (item_id,),
        )

    def refresh(self, found: Found, part: sqlite3.Row, directory_id: int) -> None:
        """Write what changed about a known file; its item, and what was learned by analysis, stays.

        A file that is there but cannot be read keeps its old facts and is asked again by the next scan.
        """
        size = found.stat.st_size
        place: dict[str, object] = {"directory_id": directory_id}
        if found.facts.analysed or part["duration"] is None:
            rows.update(
                self.connection,
                "media_items",
                part["media_item_id"],
                rows.media_values(found.facts, size) | {"updated_at": self.now},
            )
            place |= {"size": size, "duration": found.facts.duration, "updated_at": found.mtime}
            place |= {"extra_data": rows.part_extra(found.facts)}
        rows.update(self.connection, "media_parts", part["id"], place)
        rows.update(self.connection, "media_items", part["media_item_id"], {"section_location_id": self.location_id})
        if part["deleted_at"] is not None:
            trash.restore_part(self.connection, part["id"])
