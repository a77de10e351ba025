# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Is this pair of databases whole, is it Plex's, and do its two files belong together?

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .damage import damage, index_messages
from .database_header import REPAIR, has_log, header_problem
from .plex_db import (
    BLOBS,
    LIBRARY,
    DatabaseLockedError,
    PlexDatabaseError,
    migrations,
    reading,
    schema_dates,
    sections,
    table_names,
)

PLEX_TABLES = (
    "library_sections",
    "metadata_items",
    "media_items",
    "media_parts",
    "schema_migrations",
    "blobs",
)
FULL, QUICK, OUTLINE = "full", "quick", "outline"
# Whose indexes are counted against their rows in a quick check.
COUNTED = ("metadata_items", "media_items", "media_parts", "media_streams", "blobs")
# The two databases of one server were seen to differ by a few migrations (447 and 442).
MIGRATION_TOLERANCE = 12
# Rows without their parent were not seen in healthy databases; a crash may leave a handful.
ORPHANS_TOLERATED = 10

_ORPHANS = {
    "parts_without_item": """SELECT count(*) FROM media_parts LEFT JOIN media_items
        ON media_items.id = media_parts.media_item_id WHERE media_items.id IS NULL""",
    "items_without_metadata": """SELECT count(*) FROM media_items LEFT JOIN metadata_items
        ON metadata_items.id = media_items.metadata_item_id WHERE metadata_items.id IS NULL""",
}


@dataclass
class Findings:
    """What a check of one directory found; no problems means ok."""

    problems: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    locked: bool = False
    migrations: dict[str, int] = field(default_factory=dict)
    pms_schema: str = ""
    sections: list[dict[str, Any]] = field(default_factory=list)
    orphans: dict[str, int] = field(default_factory=dict)
    newest_migration: str = ""


@dataclass(frozen=True)
class Pages:
    """What the pages of one file told; readable means that its rows are worth a look."""

    problems: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    readable: bool = True
    locked: bool = False


def _judge_pages(path: Path, level: str, timeout: float) -> Pages:
    """Open one database, judge its tables and pages."""
    with reading(path, timeout) as connection:
        # One transaction, so that what a server writes meanwhile does not look like damage.
        connection.execute("BEGIN")
        tables = set(table_names(connection))
        missing = [table for table in PLEX_TABLES if table not in tables]
        if missing:
            problem = f"{path} is not Plex's: it has no table {', '.join(missing)}."
            return Pages((problem,), readable=False)
        if level == OUTLINE:
            return Pages()
        found, unchecked = damage(connection, quick=level == QUICK)
        if level == QUICK and not found:
            found = index_messages(connection, COUNTED)
    tables_unchecked = tuple(f"{path.name}: {table}" for table in unchecked)
    if not found:
        return Pages(unchecked=tables_unchecked)
    log = " or the -wal beside it belongs to another database" if has_log(path) else ""
    return Pages((f"{path} is damaged{log} ({'; '.join(found)}). {REPAIR}",), tables_unchecked)


def check_pages(path: Path, level: str = QUICK, timeout: float = 10.0) -> Pages:
    """Check one file by itself. level is FULL, QUICK or OUTLINE, see check; timeout is in seconds."""
    try:
        return _judge_pages(path, level, timeout)
    except DatabaseLockedError as error:
        return Pages((str(error),), readable=False, locked=True)
    except PlexDatabaseError as error:
        return Pages((f"{error} {REPAIR}",), readable=False)


def _check_library(path: Path, timeout: float, findings: Findings) -> tuple[set[str], int]:
    with reading(path, timeout) as connection:
        findings.pms_schema = schema_dates(connection)
        findings.sections = sections(connection)
        for name, query in _ORPHANS.items():
            (findings.orphans[name],) = connection.execute(query).fetchone()
        (items,) = connection.execute("SELECT count(*) FROM metadata_items").fetchone()
        versions = migrations(connection)
    for name, count in findings.orphans.items():
        if count > max(ORPHANS_TOLERATED, items // 100):
            findings.problems.append(f"{path} has {count} {name.replace('_', ' ')}. {REPAIR}")
    return versions, items


def _judge_pair(library: Path, blobs: Path, timeout: float, findings: Findings) -> None:
    versions, items = _check_library(library, timeout, findings)
    with reading(blobs, timeout) as connection:
        (foreign,) = connection.execute("SELECT count(*) FROM library_sections").fetchone()
        other = migrations(connection)
    findings.migrations = {"library": len(versions), "blobs": len(other)}
    findings.newest_migration = max((version for version in versions if version.startswith("20")), default="")
    if foreign and not findings.sections:
        findings.problems.append(f"{library} and {blobs.name} are swapped: exchange their names.")
    elif foreign:
        findings.problems.append(f"{blobs} is a library database, not the blobs database. {REPAIR}")
    elif not findings.sections:
        findings.problems.append(f"{library} has no library section ({items} items): nothing to work on.")
    apart = versions ^ other
    if len(apart) > MIGRATION_TOLERANCE:
        findings.problems.append(
            f"{library} and {blobs.name} belong to different versions of Plex ({len(apart)} migrations differ):"
            " take both files from the same archive."
        )


def check_pair(library: Path, blobs: Path, timeout: float = 10.0) -> Findings:
    """Check what two files that can be read say of each other."""
    findings = Findings()
    try:
        _judge_pair(library, blobs, timeout, findings)
    except PlexDatabaseError as error:
        findings.problems.append(f"{error} {REPAIR}")
    return findings


def check(directory: Path, quick: bool = False, timeout: float = 10.0, *, outline: bool = False) -> Findings:
    """Check both databases of a directory without changing them.

    Full unless quick (pages, rows and the number of entries of each index) or outline (headers, tables, migrations,
    sections, rows without their parent: what a glance shows) is asked for. timeout is in seconds.
    """
    level = OUTLINE if outline else QUICK if quick else FULL
    library, blobs = directory / LIBRARY, directory / BLOBS
    headers = [problem for path in (library, blobs) if (problem := header_problem(path))]
    if headers:
        return Findings(headers)
    # SQLite leaves the interpreter alone while it works, so threads use the cores.
    with ThreadPoolExecutor(3) as threads:
        pages = [threads.submit(check_pages, path, level, timeout) for path in (library, blobs)]
        pair = threads.submit(check_pair, library, blobs, timeout)
    return conclude([page.result() for page in pages], pair.result())


def conclude(pages: Sequence[Pages], pair: Findings) -> Findings:
    """Put together what was found in each file and in the pair."""
    # Rows of a file that cannot be read as a database say nothing.
    kept = pair if all(page.readable for page in pages) else Findings()
    return replace(
        kept,
        problems=[*(problem for page in pages for problem in page.problems), *kept.problems],
        unchecked=[table for page in pages for table in page.unchecked],
        locked=any(page.locked for page in pages),
    )
