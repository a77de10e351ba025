# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which members of an archive are the databases, and which of several copies is the one to take.

Private to this collection and pure. Beside the two databases a server's directory holds dated copies, which Plex
makes every third day (`….library.db-2026-11-01`), and its download button packs the library alone, as
`databaseBackup.db`, perhaps with a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from .plex_db import BLOBS, LIBRARY

_NAME = re.compile(
    rf"(?P<database>{re.escape(LIBRARY)}|{re.escape(BLOBS)}|databaseBackup\.db)"
    r"(?P<rest>-wal|-\d{4}-\d\d-\d\d)?"
)
# What lies beside "Plug-in Support" and may travel along.
CARRIED = ("Metadata", "Media")


@dataclass(frozen=True)
class Copy:
    """One copy of a database. date is empty for the database itself, which is better than any copy."""

    database: str
    date: str = ""
    log: bool = False
    folder: PurePosixPath = field(default=PurePosixPath(), compare=False)
    downloaded: bool = field(default=False, compare=False)

    @property
    def file_name(self) -> str:
        """Our own name for it, while it is not known whether a better one follows."""
        return self.database + ("-wal" if self.log else f"@{self.date}" if self.date else "")

    def better_than(self, other: Copy) -> bool:
        """Whether to take this one: the database itself before a copy, a newer copy before an older one."""
        return not self.date or (bool(other.date) and self.date > other.date)


def recognised(path: PurePosixPath) -> Copy | None:
    """Tell what database, copy or log a member is by its name; None for everything else."""
    found = _NAME.fullmatch(path.name)
    if not found:
        return None
    rest = found["rest"] or ""
    downloaded = found["database"] not in {LIBRARY, BLOBS}
    database = LIBRARY if downloaded else found["database"]
    return Copy(database, "" if rest == "-wal" else rest[1:], rest == "-wal", path.parent, downloaded)


def carried(path: PurePosixPath, folders: Iterable[str]) -> PurePosixPath | None:
    """Give the path below the server's directory of a member of one of these folders; None for everything else.

    The server's directory is the one that holds "Plug-in Support"; it may be the archive's root.
    """
    for position, part in enumerate(path.parts):
        if part in {"Plug-in Support", "Databases"}:
            return None
        if part in folders:
            return PurePosixPath(*path.parts[position:])
    return None


def pair_problem(library: Copy | None, blobs: Copy | None) -> str:
    """Judge whether the two that were taken belong together; empty when they do."""
    for name, what, copy, other in ((LIBRARY, "library", library, blobs), (BLOBS, "blobs", blobs, library)):
        if copy is None:
            hint = ""
            if other and other.downloaded:
                hint = " Plex's download button packs the library alone; the blobs are beside it on the server."
            return f"holds no {what} database ({name}): both of Plex's databases must travel.{hint}"
    assert library is not None
    assert blobs is not None
    if library.folder != blobs.folder:
        return f'holds more than one library ("{library.folder}" and "{blobs.folder}"): pack one alone.'
    if library.date != blobs.date:
        days = " and ".join(f"the {what} {copy.date or 'of today'}" for what, copy in
                            (("library", library), ("blobs", blobs)))  # fmt: skip
        return f"holds {days}: both databases must be from the same moment."
    return ""
