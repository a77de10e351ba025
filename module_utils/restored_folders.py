# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which folders a scan has to be forced into, because files in them are marked as deleted although they are there.

Private to this collection. An ordinary scan passes over a folder whose modification time is the one it saw last, so
what was marked in it by mistake stays marked. A forced scan of a folder looks into all that is below it and refreshes
the metadata of what it finds there, so the folders are kept small. Everything but marked() and there() is pure.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MARKED = """
SELECT media_parts.file FROM media_items JOIN media_parts ON media_parts.media_item_id = media_items.id
WHERE media_items.library_section_id = ?
  AND (ifnull(media_parts.deleted_at, 0) > 0 OR ifnull(media_items.deleted_at, 0) > 0)
"""
_ROOTS = "SELECT root_path FROM section_locations WHERE library_section_id = ?"


@dataclass(frozen=True)
class Restored:
    """The folders to look into, how many files in them are there again, and how many are in none of them."""

    folders: Sequence[str]
    files: int
    left: int


def marked(connection: sqlite3.Connection, section: int) -> tuple[list[str], list[str]]:
    """List the files of a library that are marked as deleted, and the roots of its locations."""
    files, roots = (connection.execute(query, (section,)).fetchall() for query in (_MARKED, _ROOTS))
    return [file for (file,) in files if file], [root for (root,) in roots if root]


def there(files: Iterable[str], view: str) -> list[str]:
    """Those that can be seen; view is put before each path, for who looks from outside the container."""
    return [file for file in files if Path(f"{view}{file}").is_file()]


def choose(files: Sequence[str], roots: Iterable[str], most: int) -> Restored:
    """Choose at most so many folders that hold the files, as deep in the tree as that allows.

    The root of a location is never chosen, because that would refresh the metadata of all of it; nor is any folder
    when there would be too many of them even right below the roots.
    """
    tops = sorted((PurePosixPath(root) for root in roots), key=lambda top: -len(top.parts))
    below: Counter[tuple[PurePosixPath, tuple[str, ...]]] = Counter()
    for file in files:
        folder = PurePosixPath(file).parent
        top = next((top for top in tops if folder.is_relative_to(top)), folder)
        if top != folder and _can_be_named(folder):
            below[top, folder.relative_to(top).parts] += 1
    for depth in range(max((len(parts) for _, parts in below), default=0), 0, -1):
        chosen = {(top, parts[:depth]) for top, parts in below}
        # What is below another one is looked into with it.
        chosen -= {
            (top, parts) for top, parts in chosen if any((top, parts[:above]) in chosen for above in range(len(parts)))
        }
        if len(chosen) <= most:
            folders = sorted(str(top.joinpath(*parts)) for top, parts in chosen)
            return Restored(folders, below.total(), len(files) - below.total())
    return Restored([], 0, len(files))


def _can_be_named(folder: PurePosixPath) -> bool:
    """Whether a request can name it: the file system takes any bytes, the server's interface only UTF-8."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        return False
    return True
