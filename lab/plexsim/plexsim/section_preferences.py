"""The settings that each library has for itself, kept in ``library_sections.user_fields`` as ``pr:`` values.

Which settings a real server lists is not on public record in full; that a music library has one for the analysis of
sonic features is, its name is not (``musicAnalysis`` here).
"""

from __future__ import annotations

from collections.abc import Mapping

from . import extra_data, rows
from .preferences import Definition, RefusedError
from .render import Element

_PREFIX = "pr:"
_VISIBILITY = "0:everywhere|1:not on the home screen|2:neither on the home screen nor in searches"
_EVERY = (Definition("hidden", "int", "0", flags="a", choices=_VISIBILITY),)
_MUSIC = (
    Definition("respectTags", "bool", "false", flags="a"),
    Definition("musicAnalysis", "bool", "true", flags="a"),
)
_MOVIES = (Definition("enableCinemaTrailers", "bool", "true", flags="a"),)


def definitions(section_type: int) -> dict[str, Definition]:
    """Give the settings that a library of this type has."""
    special = _MUSIC if section_type == rows.MUSIC_SECTION else _MOVIES
    return {item.name: item for item in (*_EVERY, *special)}


def wants_music_analysis(user_fields: str | None) -> bool:
    """Tell whether the sonic analysis works on a music library."""
    return extra_data.decode(user_fields).get(_PREFIX + "musicAnalysis") != "0"


def listed(section_type: int, user_fields: str | None) -> list[Element]:
    """Show the settings of one library."""
    kept = extra_data.decode(user_fields)
    return [setting(item, kept.get(_PREFIX + name, item.default)) for name, item in definitions(section_type).items()]


def changed(section_type: int, user_fields: str | None, query: Mapping[str, str]) -> str:
    """Give ``user_fields`` with what a request sets as ``prefs[name]=value``; unknown names are refused."""
    kept = extra_data.decode(user_fields)
    known = definitions(section_type)
    for key, value in query.items():
        if key.startswith("prefs[") and key.endswith("]"):
            name = key[len("prefs[") : -1]
            if name not in known:
                raise RefusedError(f"unknown library preference {name}")
            kept[_PREFIX + name] = known[name].accept(value)
    return extra_data.to_url(kept)


def setting(item: Definition, value: str) -> Element:
    """Show one setting as the server's and the libraries' lists do."""
    attributes = {
        "id": item.name,
        "label": "",
        "summary": "",
        "type": item.kind,
        "default": item.typed(item.default),
        "value": item.typed(value),
        "hidden": "h" in item.flags,
        "advanced": "a" in item.flags,
        "group": item.group,
    }
    return Element("Setting", attributes | ({"enumValues": item.choices} if item.choices else {}))
