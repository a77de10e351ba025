# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""`wrapper verify`: is this archive of a library whole? On any machine, without a run, without Ansible."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from module_utils import census
from module_utils.archive import ArchiveError, kind_of
from module_utils.files import sha256
from module_utils.integrity import Findings, check
from module_utils.place import identity
from module_utils.plex_db import BLOBS, LIBRARY, PlexDatabaseError, migrations, reading
from module_utils.receipt import KINDS
from module_utils.unpack import Staged, databases_below, stage
from module_utils.version_parity import parity
from wrapper import exits
from wrapper.receipt import size
from wrapper.view import say

MANIFESTS = ("manifest.json", "receipt.json")


def verify(archive: Path, scratch: Path | None, plex_version: str, *, as_json: bool) -> int:
    """Unpack an archive beside nothing, check and count it, say what it is; return 0 when it is whole, else 1."""
    if not archive.exists():
        raise exits.InputError(
            f'There is no archive at "{archive}"; verify takes a .tar.gz, .tar, .tar.zst, .zip or a directory.'
        )
    if scratch is not None and not scratch.is_dir():
        raise exits.InputError(f'The scratch directory "{scratch}" does not exist; make it, or leave --scratch out.')
    facts = _facts(archive.absolute(), scratch, plex_version)
    say([json.dumps(facts, indent=2)] if as_json else _lines(facts), sys.stdout)
    return exits.FAILED if facts["problems"] else exits.DONE


def _facts(archive: Path, scratch: Path | None, plex_version: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"archive": str(archive), "problems": [], "warnings": []}
    try:
        with tempfile.TemporaryDirectory(prefix="plex-burst-verify-", dir=scratch) as place:
            staged = stage(archive, Path(place))
            facts |= {"kind": kind_of(archive), "identity": identity(archive, {})}
            facts |= {"databases": staged.databases, "checksums": staged.checksums}
            facts["problems"] += _against_manifest(archive, staged)
            findings = check(Path(place))
            facts["problems"] += [problem.replace(f"{place}/", "") for problem in findings.problems]
            facts |= {"migrations": findings.migrations, "newest_migration": findings.newest_migration}
            facts["warnings"] += [f"{name} could not be judged by this SQLite." for name in findings.unchecked]
            if not findings.problems:
                facts["census"] = census.take(Path(place))
                _compare_versions(Path(place), plex_version, findings, facts)
    except (ArchiveError, PlexDatabaseError) as error:
        facts["problems"].append(str(error))
    except OSError as error:
        facts["problems"].append(f"{archive} cannot be read: {error}.")
    return facts


def _compare_versions(place: Path, plex_version: str, findings: Findings, facts: dict[str, Any]) -> None:
    if plex_version and not findings.problems:
        with reading(place / LIBRARY) as connection:
            compared = parity(plex_version, migrations(connection))
        if compared.sentence:
            facts["warnings"].append(compared.sentence)


def _against_manifest(archive: Path, staged: Staged) -> list[str]:
    """Compare with the checksums that were written down when a run brought this library home."""
    folder = archive if archive.is_dir() else archive.parent
    for path in (folder / MANIFESTS[0], folder / MANIFESTS[1], folder.parent / MANIFESTS[1]):
        try:
            files = json.loads(path.read_text(encoding="utf-8"))["files"]
            promised = {file["name"]: file["sha256"] for file in files if file["name"] in {LIBRARY, BLOBS}}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if not promised:
            continue
        # What was promised are the files; of a directory the databases were copied, which changes a byte or two.
        there = {name: sha256(databases_below(archive) / name) for name in promised} if archive.is_dir() else {}
        return [
            f"{name} has another sha256 than {path} promises."
            for name, checksum in (staged.checksums | there).items()
            if name in promised and promised[name] != checksum
        ]
    return []


def _lines(facts: dict[str, Any]) -> list[str]:
    lines = [f"archive:    {facts['archive']}{' (' + facts['kind'] + ')' if 'kind' in facts else ''}"]
    if "identity" in facts and "sha256" in facts["identity"]:
        lines.append(f"sha256:     {facts['identity']['sha256']}")
    for name, length in facts.get("databases", {}).items():
        lines.append(f"database:   {name}  {size(length)}  sha256 {facts['checksums'].get(name, '')[:12]}")
    if facts.get("newest_migration"):
        lines.append(f"schema:     {facts['migrations']['library']} migrations, newest {facts['newest_migration']}")
    for section in facts.get("census", {}).get("sections", ()):
        counts = ", ".join(f"{count} {KINDS.get(kind, 'of type ' + kind)}" for kind, count in section["items"].items())
        analysed = f", {section['analysed']} analysed" if section["type"] == "artist" else ""
        gone = sum(section["deleted"].values())
        deleted = f", {gone} deleted" if gone else ""
        lines.append(f"section:    {section['name']}: {counts or 'empty'}{analysed}{deleted}")
    lines += [f"warning:    {warning}" for warning in facts["warnings"]]
    lines += [f"problem:    {problem}" for problem in facts["problems"]]
    lines.append("verdict:    " + ("NOT WHOLE" if facts["problems"] else "whole"))
    return lines
