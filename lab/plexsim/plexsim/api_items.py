"""Items of a section: lists with paging, single items, children."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from . import extra_data, rows, search
from .core import Core
from .handler import Route
from .pages import Pages, Whole
from .render import Answer, Element, container, refusal
from .request import Request

_SHAPES = {
    rows.MOVIE: ("Video", "movie"),
    rows.ARTIST: ("Directory", "artist"),
    rows.ALBUM: ("Directory", "album"),
    rows.TRACK: ("Track", "track"),
}
_DEFAULT_TYPE = {1: rows.MOVIE, 8: rows.ARTIST}


@dataclass(frozen=True)
class ItemsApi:
    """Routes about items."""

    core: Core
    pages: Pages = field(default_factory=Pages)

    def routes(self) -> list[Route]:
        """List them."""
        return [
            ("GET", "/library/sections/([0-9]+)/all", self.all),
            ("GET", "/library/sections/([0-9]+)/albums", lambda request, key: self.all(request, key, rows.ALBUM)),
            ("GET", "/library/sections/([0-9]+)/collections", lambda _request, _key: self._window([], 0, 0)),
            ("GET", "/library/metadata/([0-9]+)", self.item),
            ("GET", "/library/metadata/([0-9]+)/children", self.children),
            ("PUT", "/library/metadata/([0-9]+)/(?:analyze|refresh)", self.accept),
        ]

    def all(self, request: Request, key: str, kind: int | None = None) -> Answer:
        """List the items of one type in a section, a window at a time."""
        start, size = request.window()
        with self.core.library() as library:
            section = library.execute(
                "SELECT section_type, name FROM library_sections WHERE id = ?", (int(key),)
            ).fetchone()
            if section is None:
                return refusal(404, "Not Found")
            usual = _DEFAULT_TYPE.get(section["section_type"], rows.MOVIE)
            kind = kind or int(request.query.get("type") or usual)
            filters = search.conditions(kind, request.query)
            if filters or size is None:
                total, found = self._filtered(library, int(key), kind, request)
            else:
                whole = Whole(int(key), kind, search.order(request.query))
                total, found = self.pages.rows(library, whole, start, size)
            elements = [self._element(library, row) for row in found]
        described = [search.meta(int(key), section["section_type"])] if request.query.get("includeMeta") == "1" else []
        return self._window(elements, total, start, described, librarySectionID=int(key), title1=section["name"])

    @staticmethod
    def _filtered(
        library: sqlite3.Connection, section_id: int, kind: int, request: Request
    ) -> tuple[int, list[sqlite3.Row]]:
        """Give how many items pass the filters of a request, and those of its window."""
        start, size = request.window()
        wanted = [
            search.Condition("i.library_section_id = ? AND i.metadata_type = ?", (section_id, kind)),
            *search.conditions(kind, request.query),
        ]
        where = " AND ".join(condition.sql for condition in wanted)
        values = [value for condition in wanted for value in condition.values]
        (total,) = library.execute(f"SELECT count(*) {search.FROM} WHERE {where}", values).fetchone()
        listed = f"SELECT i.* {search.FROM} WHERE {where} ORDER BY {search.order(request.query)} LIMIT ? OFFSET ?"
        found = library.execute(listed, [*values, -1 if size is None else size, start]).fetchall()
        return total, found

    @staticmethod
    def _window(
        elements: list[Element], total: int, start: int, described: list[Element] | None = None, **attributes: object
    ) -> Answer:
        attributes |= {"size": len(elements)}
        answer = container([*(described or []), *elements], totalSize=total, offset=start, allowSync=True, **attributes)
        headers = {"X-Plex-Container-Start": str(start), "X-Plex-Container-Total-Size": str(total)}
        return Answer(element=answer.element, headers=headers)

    def item(self, request: Request, key: str) -> Answer:
        """Show one item; with checkFiles=1 also whether its files are there."""
        look = request.query.get("checkFiles") == "1"
        with self.core.library() as library:
            row = library.execute("SELECT * FROM metadata_items WHERE id = ?", (int(key),)).fetchone()
            return container([self._element(library, row, look=look)]) if row else refusal(404, "Not Found")

    def children(self, request: Request, key: str) -> Answer:
        """List what is directly below an item."""
        start, _ = request.window()
        with self.core.library() as library:
            found = library.execute(
                'SELECT * FROM metadata_items WHERE parent_id = ? ORDER BY absolute_index, "index"', (int(key),)
            ).fetchall()
            elements = [self._element(library, row) for row in found]
        return self._window(elements, len(elements), start)

    def accept(self, _request: Request, _key: str) -> Answer:
        """Take a request that changes nothing here: analysing an item never starts sonic analysis."""
        return Answer()

    def _element(self, library: sqlite3.Connection, row: sqlite3.Row, *, look: bool = False) -> Element:
        tag, kind = _SHAPES.get(row["metadata_type"], ("Metadata", "clip"))
        below = "/children" if row["metadata_type"] in (rows.ARTIST, rows.ALBUM) else ""
        values = extra_data.decode(row["extra_data"])
        attributes: dict[str, object] = {
            "ratingKey": str(row["id"]),
            "key": f"/library/metadata/{row['id']}{below}",
            "guid": row["guid"],
            "type": kind,
            "title": row["title"],
            "titleSort": row["title_sort"],
            "index": row["index"],
            "year": row["year"],
            "addedAt": row["added_at"],
            "updatedAt": row["updated_at"],
            "deletedAt": row["deleted_at"],
            "librarySectionID": row["library_section_id"],
            "musicAnalysisVersion": values.get("ms:musicAnalysisVersion"),
        }
        attributes |= self._parents(library, row)
        return Element(tag, attributes, self._media(library, row["id"], look=look), json_tag="Metadata")

    @staticmethod
    def _parents(library: sqlite3.Connection, row: sqlite3.Row) -> dict[str, object]:
        found: dict[str, object] = {}
        parent_id = row["parent_id"]
        for prefix in ("parent", "grandparent"):
            if parent_id is None:
                break
            parent = library.execute("SELECT * FROM metadata_items WHERE id = ?", (parent_id,)).fetchone()
            names = {"RatingKey": str(parent["id"]), "Key": f"/library/metadata/{parent['id']}"}
            found |= {f"{prefix}{name}": value for name, value in names.items()}
            found |= {f"{prefix}Title": parent["title"], f"{prefix}Guid": parent["guid"]}
            if prefix == "parent" and row["metadata_type"] == rows.TRACK:
                found["parentIndex"] = row["absolute_index"]
            parent_id = parent["parent_id"]
        return found

    @staticmethod
    def _media(library: sqlite3.Connection, item_id: int, *, look: bool) -> list[Element]:
        found = library.execute(
            "SELECT m.*, p.id AS part_id, p.file, p.size AS part_size, p.updated_at AS mtime"
            " FROM media_items m JOIN media_parts p ON p.media_item_id = m.id"
            " WHERE m.metadata_item_id = ? ORDER BY m.id, p.id",
            (item_id,),
        )
        elements = []
        for row in found:
            suffix = row["file"].rpartition(".")[2]
            names: dict[str, object] = {"key": f"/library/parts/{row['part_id']}/{row['mtime']}/file.{suffix}"}
            names |= {"id": row["part_id"], "file": row["file"], "size": row["part_size"]}
            if look:
                names |= {"exists": Path(row["file"]).exists(), "accessible": os.access(row["file"], os.R_OK)}
            part = Element("Part", names | {"duration": row["duration"], "container": row["container"]})
            attributes = {"id": row["id"], "duration": row["duration"], "audioChannels": row["audio_channels"]}
            bitrate = row["bitrate"] and row["bitrate"] // 1000
            attributes |= {"bitrate": bitrate, "audioCodec": row["audio_codec"], "container": row["container"]}
            elements.append(Element("Media", attributes, [part]))
        return elements
