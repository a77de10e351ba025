"""A library section as the server shows it."""

from __future__ import annotations

import sqlite3

from . import rows
from .render import Answer, Element, container

TYPES = {1: "movie", 2: "show", 8: "artist", 13: "photo"}


def element(library: sqlite3.Connection, row: sqlite3.Row, *, refreshing: bool) -> Element:
    """Show one section."""
    locations = library.execute(
        "SELECT id, root_path FROM section_locations WHERE library_section_id = ? ORDER BY id", (row["id"],)
    )
    attributes = {
        "allowSync": True,
        "filters": True,
        "refreshing": refreshing,
        "key": str(row["id"]),
        "type": TYPES.get(row["section_type"], "movie"),
        "title": row["name"],
        "agent": row["agent"],
        "scanner": row["scanner"],
        "language": row["language"],
        "metadataAgentProviderGroupId": row["metadata_agent_provider_group_id"],
        "uuid": row["uuid"],
        "updatedAt": row["updated_at"],
        "createdAt": row["created_at"],
        "scannedAt": row["scanned_at"],
        "content": True,
        "directory": True,
        "contentChangedAt": row["content_changed_at"],
        "hidden": 0,
    }
    return Element(
        "Directory",
        attributes,
        [Element("Location", {"id": place["id"], "path": place["root_path"]}) for place in locations],
    )


def menu(row: sqlite3.Row) -> Answer:
    """Show what can be listed in one section."""
    names = {"all": "All", "recentlyAdded": "Recently Added", "folder": "By Folder"}
    if row["section_type"] == rows.MUSIC_SECTION:
        names |= {"albums": "By Album", "genre": "By Genre"}
    children = [Element("Directory", {"key": key, "title": title}) for key, title in names.items()]
    return container(
        children,
        allowSync=False,
        content="secondary",
        identifier="com.plexapp.plugins.library",
        librarySectionID=row["id"],
        title1=row["name"],
        viewGroup="secondary",
    )
