# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper repair`: salvage a damaged library into a directory. On any machine, without a run, without Ansible."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from module_utils.archive import ArchiveError, kind_of
from module_utils.files import sync
from module_utils.plex_db import BLOBS, LIBRARY, PlexDatabaseError
from module_utils.repair import Repaired, repair
from module_utils.unpack import bring, databases_below
from wrapper import exits
from wrapper.view import say


def repair_archive(archive: Path, into: Path, *, accept_loss: bool, as_json: bool) -> int:
    """Put a sound pair of databases into a new directory; the archive stays as it is. Return 0, or 1 when refused.

    Rows of the library are given up only with accept_loss.
    """
    if not archive.exists():
        raise exits.InputError(
            f'There is no archive at "{archive}"; repair takes a .tar.gz, .tar, .tar.zst, .zip or a directory.'
        )
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise exits.InputError(f'"{into}" is there already; name a directory that does not exist, or an empty one.')
    facts: dict[str, Any] = {"archive": str(archive), "into": "", "problems": [], "refused": ""}
    try:
        into.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".plex-burst-repair-", dir=into.absolute().parent) as work:
            done = _repaired(archive, Path(work), accept_loss)
            facts |= asdict(done) | {"into": str(into)}
            into.mkdir(mode=0o700, exist_ok=True)
            for name in (LIBRARY, BLOBS):
                Path(work, name).replace(into / name)
            sync(into)
    except (ArchiveError, PlexDatabaseError) as error:
        facts["refused"] = str(error)
    except OSError as error:
        facts["refused"] = f"{archive} cannot be repaired: {error}."
    say([json.dumps(facts, indent=2)] if as_json else _lines(facts), sys.stdout)
    return exits.FAILED if facts["refused"] else exits.DONE


def _repaired(archive: Path, work: Path, accept_loss: bool) -> Repaired:
    if kind_of(archive) == "directory":
        # Byte by byte: SQLite would refuse to copy what it cannot read.
        folder = databases_below(archive)
        for path in (folder / (name + suffix) for name in (LIBRARY, BLOBS) for suffix in ("", "-wal")):
            if path.is_file():
                shutil.copyfile(path, work / path.name)
                (work / path.name).chmod(0o600)
    else:
        bring(archive, work)
    try:
        return repair(work, accept_loss)
    except PlexDatabaseError as error:
        raise PlexDatabaseError(str(error).replace(f"{work}/", "").replace(str(work), str(archive))) from error


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"archive:    {facts['archive']}"]
    lines += [f"damage:     {problem.rsplit('. ', 1)[0]}." for problem in facts["problems"]]
    for name, found in facts.get("databases", {}).items():
        rows = sum(table["found"] for table in found["tables"].values())
        lines.append(f"salvaged:   {name}: {rows} rows in {len(found['tables'])} tables")
        lines += [f"left out:   {statement}" for statement in found["left_out"]]
    for table, count in facts.get("lost", {}).items():
        lines.append(f"lost:       {'an unknown number of' if count is None else count} rows of {table}")
    if facts["refused"]:
        return [*lines, f"problem:    {facts['refused']}", "verdict:    NOT REPAIRED, nothing was written"]
    verdict = "repaired" if facts["problems"] else "it was whole already, and was only unpacked"
    return [*lines, f"verdict:    {verdict}; next: wrapper run --archive {facts['into']}"]
