# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a path mapping to a library database: in a copy that takes its place, the original is the backup.

Private to this collection.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import sqlite3
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .census import Census, count_rows
from .database_swap import alone, copying, take_place
from .files import read_json, write_json
from .path_mapping import PathMapping
from .plex_db import LIBRARY, DatabaseLockedError, reading
from .remap_changes import change, samples
from .remap_directories import plan_directories
from .remap_plan import Plan, RemapError, plan_columns, surely_moves, unused_rules

STAMP = ".plex-burst-remap.json"
# Seconds to wait for a lock: Plex should be stopped by now.
PATIENCE = 10.0


@dataclass
class Outcome:
    """What a remap did, or would do."""

    changed: bool = False
    backup: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    samples: list[dict[str, str]] = field(default_factory=list)
    census_before: Census = field(default_factory=dict)
    census_after: Census = field(default_factory=dict)


def _stamp(connection: sqlite3.Connection, mapping: PathMapping) -> dict[str, Any]:
    rules = sorted((rule.old.hex(), rule.new.hex()) for rule in mapping.rules)
    roots = connection.execute("SELECT id, hex(root_path) FROM section_locations ORDER BY id").fetchall()
    return {
        "mappings": hashlib.sha256(json.dumps(rules).encode()).hexdigest(),
        "roots": [list(row) for row in roots],
    }


def _known_stamp(directory: Path, library: Path) -> Any:
    """Read what was applied last; a run that was killed as it put its copy in place is judged by which file is there.

    Swaps and chains must not be applied twice, nor be taken for applied.
    """
    known = read_json(directory / STAMP)
    if not isinstance(known, dict) or "inode" not in known:
        return known
    if known["inode"] != library.stat().st_ino:
        return known["before"]
    write_json(directory / STAMP, known["stamp"])
    return known["stamp"]


def _need_room(library: Path, backup_dir: Path) -> None:
    """Raise RemapError when there is no room for the copy, and for a backup on another disk than the library's."""
    size = library.stat().st_size
    existing = next(path for path in (backup_dir.absolute(), *backup_dir.absolute().parents) if path.exists())
    for directory in {directory.stat().st_dev: directory for directory in (existing, library.parent)}.values():
        free = shutil.disk_usage(directory).free
        if free < size * 1.05:
            raise RemapError(
                f"The backup of {library} needs {size // 1_000_000} MB in {directory}, where {free // 1_000_000} MB"
                " are free. Free some, or name another backup_dir."
            )


def _plan(
    connection: sqlite3.Connection, directory: Path, library: Path, mapping: PathMapping
) -> tuple[Plan, Outcome, Any]:
    """Work out what is to be changed, and what was applied last; an empty plan when that is this mapping."""
    known = _known_stamp(directory, library)
    if not mapping.settles and known == _stamp(connection, mapping):
        return Plan(), Outcome(), known
    plan = plan_columns(connection, mapping)
    plan_directories(connection, mapping, plan)
    unused = [str(rule) for rule in unused_rules(connection, mapping, plan)]
    return plan, Outcome(changed=not plan.empty, counts=plan.counts, unused=unused), known


def _remap(directory: Path, mapping: PathMapping, backup_dir: Path, dry_run: bool, patience: float) -> Outcome:
    library = (directory / LIBRARY).resolve()
    with alone(library, patience) as original, ExitStack() as stack:
        # Copied beside the planning where that is sure to be of use.
        begun = None
        if mapping.settles and surely_moves(original, mapping):
            _need_room(library, backup_dir)
            begun = stack.enter_context(copying(library))
        plan, outcome, known = _plan(original, directory, library, mapping)
        if plan.empty:
            return outcome
        if begun is None:
            _need_room(library, backup_dir)
            begun = stack.enter_context(copying(library))
        copy, process = begun
        outcome.census_before = count_rows(original)
        outcome.samples = samples(original, plan)
        process.finish()
        outcome.census_after = change(original, copy, mapping, plan, outcome.census_before)
        if dry_run:
            return outcome
        with reading(copy) as connection:
            stamp = _stamp(connection, mapping)
        if not mapping.settles:
            write_json(directory / STAMP, {"inode": copy.stat().st_ino, "stamp": stamp, "before": known})
        backup_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        backup = backup_dir / f"{LIBRARY}.{now}.before-remap"
        take_place(copy, library, backup)
        outcome.backup = str(backup)
    write_json(directory / STAMP, stamp)
    return outcome


def remap(directory: Path, mapping: PathMapping, backup_dir: Path, dry_run: bool = False) -> Outcome:
    """Apply a mapping to the library of a directory. Plex must not be running, unless there is nothing to change.

    A dry run changes a copy too, so that it refuses what the real one would refuse, and throws it away.
    """
    try:
        return _remap(directory, mapping, backup_dir, dry_run, patience=0)
    except DatabaseLockedError:
        with reading(directory / LIBRARY) as connection:
            plan, outcome, _ = _plan(connection, directory, directory / LIBRARY, mapping)
        if plan.empty:
            return outcome
    return _remap(directory, mapping, backup_dir, dry_run, PATIENCE)
