"""Filters and sorts of lists: what a request asks for as SQL, and the ``Meta`` that tells clients what they may ask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from . import rows
from .render import Element

# How the tables of an item, its parent and its grandparent are called in the statements.
FROM = (
    "FROM metadata_items i LEFT JOIN metadata_items p ON p.id = i.parent_id"
    " LEFT JOIN metadata_items g ON g.id = p.parent_id"
)
_NAMES = {rows.MOVIE: "movie", rows.ARTIST: "artist", rows.ALBUM: "album", rows.TRACK: "track"}
_TABLES = {
    rows.MOVIE: {"movie": "i"},
    rows.ARTIST: {"artist": "i"},
    rows.ALBUM: {"album": "i", "artist": "p"},
    rows.TRACK: {"track": "i", "album": "p", "artist": "g"},
}
_TYPES_OF_SECTION = {
    rows.MOVIE_SECTION: (rows.MOVIE,),
    rows.MUSIC_SECTION: (rows.ARTIST, rows.ALBUM, rows.TRACK),
}
# field: column, type, title
_FIELDS = {
    "title": ("title", "string", "Title"),
    "year": ("year", "integer", "Year"),
    "addedAt": ("added_at", "date", "Date Added"),
    "id": ("id", "integer", ""),
    "index": ("index", "integer", ""),
    "guid": ("guid", "guid", ""),
    "updatedAt": ("updated_at", "date", ""),
}
_SHOWN_FIELDS = ("title", "year", "addedAt")
_SORTS = {"titleSort": "title_sort", "addedAt": "added_at", "year": "year", "id": "id", "index": "index"}
_OPERATORS = {
    "string": (("=", "contains"), ("!=", "does not contain"), ("==", "is"), ("!==", "is not")),
    "integer": (("=", "is"), ("!=", "is not"), (">>=", "is greater than"), ("<<=", "is less than")),
    "date": ((">>=", "is after"), ("<<=", "is before")),
}
_ASKED = re.compile(r"(?:([a-z]+)\.)?([a-zA-Z]+)(!|>>|<<)?")


@dataclass(frozen=True)
class Condition:
    """A condition with its values."""

    sql: str
    values: tuple[object, ...]


def conditions(kind: int, query: Mapping[str, str]) -> list[Condition]:
    """Give the conditions of a request on a list of items of one type; what is no filter is ignored."""
    found = []
    if query.get("file"):
        holders = "SELECT metadata_item_id FROM media_items m JOIN media_parts t ON t.media_item_id = m.id"
        found.append(Condition(f"i.id IN ({holders} WHERE t.file LIKE ?)", (f"%{query['file']}",)))
    for key, value in query.items():
        asked = _ASKED.fullmatch(key)
        table = _TABLES.get(kind, {}).get((asked and asked[1]) or _NAMES.get(kind, ""))
        if asked is None or table is None or asked[2] not in _FIELDS:
            continue
        column, field_type, _ = _FIELDS[asked[2]]
        found.append(_condition(f'{table}."{column}"', field_type, asked[3] or "", value))
    return found


def _condition(column: str, field_type: str, sign: str, value: str) -> Condition:
    exact = value.startswith("=") or field_type != "string"
    text = value.removeprefix("=")
    if sign in (">>", "<<"):
        return Condition(f"{column} {sign[0]} ?", (int(text),))
    negation = "NOT " if sign == "!" else ""
    if not exact:
        return Condition(f"{column} {negation}LIKE ?", (f"%{text}%",))
    wanted = [int(part) if field_type in ("integer", "date") else part for part in text.split(",")]
    if field_type == "string":
        wanted = [text]
    return Condition(f"{column} {negation}IN ({', '.join('?' * len(wanted))})", tuple(wanted))


def order(query: Mapping[str, str]) -> str:
    """Give the order of a request, by title where it asks for none; an unknown sort is refused."""
    terms = []
    for term in filter(None, query.get("sort", "").split(",")):
        name, _, direction = term.partition(":")
        name = name.rpartition(".")[2]
        if name not in _SORTS or direction not in ("", "asc", "desc"):
            raise ValueError(f"no sort {term!r}")
        terms.append(f'i."{_SORTS[name]}"{" DESC" if direction == "desc" else ""}')
    return ", ".join([*(terms or ["i.title_sort"]), "i.id"])


def meta(section_id: int, section_type: int) -> Element:
    """Describe what the lists of a section can be filtered and sorted by."""
    types = [_type(section_id, kind) for kind in _TYPES_OF_SECTION.get(section_type, ())]
    fields = [Element("FieldType", {"type": name}, _operators(signs)) for name, signs in _OPERATORS.items()]
    return Element("Meta", {}, types + fields, single=True)


def _operators(signs: tuple[tuple[str, str], ...]) -> list[Element]:
    return [Element("Operator", {"key": key, "title": title}) for key, title in signs]


def _type(section_id: int, kind: int) -> Element:
    name = _NAMES[kind]
    key = f"/library/sections/{section_id}/all?type={kind}"
    sorts = [
        Element("Sort", {"key": sort, "descKey": f"{sort}:desc", "defaultDirection": "asc", "title": sort})
        for sort in ("titleSort", "addedAt", "year")
    ]
    fields = [
        Element("Field", {"key": f"{name}.{field}", "type": _FIELDS[field][1], "title": _FIELDS[field][2]})
        for field in _SHOWN_FIELDS
    ]
    return Element("Type", {"key": key, "type": name, "title": f"{name.title()}s", "active": False}, sorts + fields)
