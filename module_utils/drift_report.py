# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a library's files and what is there, and say before a scan what that scan would do to the library.

Private to this collection.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .drift import Drift, Proposal, compare
from .files import read_json, write_json
from .path_mapping import PathMapping, load
from .plex_db import LIBRARY, reading, sections

FEW = 10
# The mount asks S3 for the time of each file that is looked at, 15 to 25 ms each: hours, one after the other.
READERS = 64
_FILES = """
SELECT media_parts.file, media_parts.size
FROM media_parts JOIN media_items ON media_items.id = media_parts.media_item_id
WHERE media_items.library_section_id = ? AND media_parts.deleted_at IS NULL AND media_parts.file != ''
"""
# What Plex does not scan for: pictures, words and notes beside the media are no items of their own.
_ASIDE = frozenset({".jpg", ".jpeg", ".png", ".tbn", ".nfo", ".txt", ".srt", ".sub", ".idx", ".lrc", ".cue", ".log"})
_ASIDE |= {".m3u", ".m3u8", ".pdf", ".ini", ".db", ".xml", ".json", ".md5", ".sfv", ".accurip", ".part", ".tmp"}


class DriftError(Exception):
    """What is there cannot be read; the message is one sentence."""


def known_files(directory: Path, names: Collection[str]) -> tuple[dict[str, int | None], list[str]]:
    """Read the files of the chosen sections (all but photos when none is named), and the sections' locations."""
    known: dict[str, int | None] = {}
    locations: list[str] = []
    with reading(directory / LIBRARY) as connection:
        for section in sections(connection):
            if section["name"] in names if names else section["type"] != "photo":
                locations += section["locations"]
                known |= dict(connection.execute(_FILES, (section["id"],)).fetchall())
    return known, locations


def _listed(place: str) -> tuple[list[str], list[tuple[str, int]]]:
    """List one folder: its folders, its files and their sizes."""
    folders: list[str] = []
    files: list[tuple[str, int]] = []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif entry.is_file():
                files.append((entry.path, entry.stat().st_size))
    return folders, files


def _walk(place: str) -> Iterator[tuple[str, int]]:
    """List all files below a folder, many folders at once, level by level."""
    level = [place]
    with ThreadPoolExecutor(READERS) as pool:
        while level:
            found = list(pool.map(_listed, level))
            level = [folder for folders, _ in found for folder in folders]
            for _, files in found:
                yield from files


def found_files(locations: Collection[str], in_plex: str, mount: str, known: Collection[str]) -> dict[str, int | None]:
    """List what lies below the sections' locations, as Plex sees it. Raises DriftError, never lists half.

    in_plex is where Plex sees what is at mount for us. What lies beside the media is left out unless it is known.
    """
    found: dict[str, int | None] = {}
    for location in locations:
        place = mount + location[len(in_plex) :] if f"{location}/".startswith(f"{in_plex}/") else location
        try:
            for path, size in _walk(place):
                seen = location + path[len(place) :]
                if seen in known or Path(seen).suffix.lower() not in _ASIDE:
                    found[seen] = size
        except OSError as error:
            raise DriftError(f"{error.filename or place} cannot be listed: {error.strerror or error}.") from error
    return found


def _at_home(path: str, mapping: PathMapping | None) -> str:
    """Give the path at home that a mapping brought here."""
    raw = path.encode("utf-8", "surrogateescape")
    for rule in sorted(mapping.rules if mapping else (), key=lambda rule: -len(rule.new)):
        if rule.reached(raw):
            return (rule.old + raw[len(rule.new) :]).decode("utf-8", "surrogateescape")
    return path


def proposed_mappings(proposals: Collection[Proposal], used: Path | None) -> dict[str, Any]:
    """Make a mappings file: the rules that were used, and those that would bring home what moved."""
    mapping = load(used) if used else None
    rules = {
        rule.old.decode("utf-8", "surrogateescape"): rule.new.decode("utf-8", "surrogateescape")
        for rule in (mapping.rules if mapping else ())
    }
    return {"mappings": rules | {_at_home(proposal.old, mapping): proposal.new for proposal in proposals}}


def sentences(drift: Drift, total: int, passes: bool) -> list[str]:
    """Tell a person what was found and what to do about it."""
    counts = f"{len(drift.moved)} moved, {len(drift.gone)} are gone, {len(drift.new)} are new"
    told = [f"Of {total} files {drift.unchanged} are where the library has them; {counts}."]
    if drift.resized:
        told.append(f"{len(drift.resized)} have another size than the library says: Plex will analyse them again.")
    if drift.proposals:
        shown = "; ".join(f"{rule.old} -> {rule.new} ({rule.files} files)" for rule in drift.proposals[:3])
        told.append(f"{len(drift.proposals)} rules would bring back what moved: {shown}.")
    if passes:
        told.append(
            f"A scan would mark {drift.would_delete} of {total} files as deleted: add the rules to the path mappings,"
            " or bring the files back."
        )
    return told


def report(drift: Drift, total: int, passes: bool) -> dict[str, Any]:
    """Put it into one object: counts, a few names of each, the rules, the sentences."""
    return {
        "total": total,
        "unchanged": drift.unchanged,
        "counts": {
            "moved": len(drift.moved),
            "gone": len(drift.gone),
            "new": len(drift.new),
            "resized": len(drift.resized),
            "would_delete": drift.would_delete,
        },
        "sample": {name: getattr(drift, name)[:FEW] for name in ("gone", "new", "resized")},
        "proposals": [asdict(proposal) for proposal in drift.proposals],
        "passes_limit": passes,
        "sentences": sentences(drift, total, passes),
    }


def look(directory: Path, names: Collection[str], in_plex: str, mount: str) -> tuple[Drift, int]:
    """Compare a library with what is there; return also how many files the library has."""
    known, locations = known_files(directory, names)
    return compare(known, found_files(locations, in_plex, mount, known.keys())), len(known)


def write_proposal(path: Path, content: dict[str, Any]) -> bool:
    """Write the proposed mappings file unless it says so already; tell whether it changed."""
    if read_json(path) == content:
        return False
    write_json(path, content)
    return True
