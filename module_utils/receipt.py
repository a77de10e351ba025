# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The receipt: what came home, whether it is whole, what was gained and what was lost.

Private to this collection. Built on the controller from the files themselves, not from what the target said.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import census, integrity, receipt_context
from .census import Census
from .census_comparison import Comparison, SectionChange, compare
from .files import sha256
from .plex_db import BLOBS, LIBRARY, PlexDatabaseError

DONE, PARTIAL, LOST, DAMAGED = "done", "partial", "lost", "damaged"

KINDS = {
    "1": "movies",
    "2": "shows",
    "3": "seasons",
    "4": "episodes",
    "8": "artists",
    "9": "albums",
    "10": "tracks",
    "12": "clips",
    "13": "photos",
    "14": "photo albums",
    "15": "playlists",
    "18": "collections",
}


def arrival_problems(export_dir: Path, files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare what lies here with what was sent."""
    sent = {str(file["name"]): file for file in files}
    problems = []
    for name in (LIBRARY, BLOBS):
        path = export_dir / name
        if name not in sent:
            problems.append(f"{name} is not in the list of files that were sent: export again.")
        elif not path.is_file():
            problems.append(f"{path} did not arrive: fetch it again.")
        elif path.stat().st_size != sent[name]["size"]:
            problems.append(f"{path} has {path.stat().st_size} bytes, sent were {sent[name]['size']}: fetch it again.")
        elif sha256(path) != sent[name]["sha256"]:
            problems.append(f"{path} has another sha256 than the file that was sent: fetch it again.")
    return problems


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {KINDS.get(kind, f'items of type {kind}')}" for kind, count in counts.items())


def section_sentence(change: SectionChange) -> str:
    """Say in one sentence what happened to a section."""
    if change.state == "gone":
        return f"{change.name}: the section itself is gone."
    awaited = change.selected and change.type == "artist"
    if change.untouched and not awaited:
        return f"{change.name}: untouched."
    facts = []
    if change.gained:
        facts.append(f"{_listed(change.gained)} added")
    if change.lost:
        facts.append(f"LOST {_listed(change.lost)}")
    if change.deleted:
        facts.append(f"marked as deleted: {_listed(change.deleted)}")
    if change.regrouped:
        facts.append(f"{_listed(change.regrouped)} fewer after regrouping")
    if change.analysed_after != change.analysed_before or awaited:
        total = change.analysed_after + change.pending
        gain = change.analysed_after - change.analysed_before
        facts.append(f"{change.analysed_after} of {total} tracks analysed ({gain:+d})")
    if not change.selected:
        facts.append("although it was not selected")
    return f"{change.name}: {'; '.join(facts) or 'counted differently than before'}."


def judge(comparison: Comparison) -> str:
    """Give the verdict on two censuses: nothing lost beyond the limit, and is all selected music analysed?"""
    if comparison.lost:
        return LOST
    pending = [
        change for change in comparison.sections if change.selected and change.type == "artist" and change.pending > 0
    ]
    return PARTIAL if pending else DONE


def _verdict_sentence(verdict: str, comparison: Comparison) -> str:
    if verdict == LOST:
        names = ", ".join(change.name for change in comparison.lost)
        return f"Something that was there before is not there any more ({names}): compare before you deploy."
    if verdict == PARTIAL:
        pending = sum(change.pending for change in comparison.sections if change.selected)
        return f"Nothing was lost, but {pending} tracks are still to be analysed: another run continues there."
    if marked := sum(change.marked_items for change in comparison.sections):
        return f"Everything that was asked for is done; {marked} items whose files are gone are within the limit."
    return "Everything that was asked for is done, nothing was lost."


def build(
    run_id: str,
    export_dir: Path,
    files: Collection[Mapping[str, Any]],
    baseline: Census,
    selected: Collection[str],
    *,
    run_dir: Path | None = None,
) -> dict[str, Any]:
    """Check what came home and write down what it is worth."""
    directory = export_dir.parent if run_dir is None else run_dir
    facts, told = receipt_context.context(directory)
    receipt: dict[str, Any] = {
        "format": 1,
        "run_id": run_id,
        "written_at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": [{key: file.get(key) for key in ("name", "size", "sha256")} for file in files],
        "selected": sorted(selected),
        **facts,
    }
    problems = arrival_problems(export_dir, files)
    schema: dict[str, Any] = {}
    if not problems:
        findings = integrity.check(export_dir)
        problems = findings.problems
        schema = {"migrations": findings.migrations, "newest_migration": findings.newest_migration}
    after: Census = {}
    if not problems:
        try:
            after = census.take(export_dir)
        except PlexDatabaseError as error:
            problems = [str(error)]
    if problems:
        return {**receipt, "verdict": DAMAGED, "problems": problems, "sentences": problems}
    comparison = compare(baseline, after, selected, receipt_context.emptied(directory))
    verdict = judge(comparison)
    return {
        **receipt,
        "versions": receipt["versions"] | schema,
        "verdict": verdict,
        "breaker": receipt_context.breaker(comparison),
        "problems": [],
        "census": {"before": baseline, "after": after},
        "sections": [asdict(change) for change in comparison.sections],
        "analysed_gained": comparison.analysed_gained,
        "lost_items": sum(change.lost_items for change in comparison.sections),
        "marked_items": sum(change.marked_items for change in comparison.sections),
        "disturbed": [change.name for change in comparison.disturbed],
        "sentences": [
            *told,
            *[section_sentence(change) for change in comparison.sections],
            _verdict_sentence(verdict, comparison),
        ],
    }
