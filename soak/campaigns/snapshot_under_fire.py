"""A snapshot taken while a server writes can be opened and its two databases belong together, whoever is killed.

A writer commits vectors and marks as the analyser does; the writer, the snapshotter, both or neither are killed with
SIGKILL at some moment. Every snapshot that calls itself complete is decompressed, checked and compared with itself,
the library it was taken of stays sound, and the next snapshot succeeds and clears away what the killed one left.
"""

from __future__ import annotations

import multiprocessing
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lab.plexsim.plexsim.large_library import copy_of, pair
from module_utils.files import sha256
from module_utils.integrity import check
from module_utils.plex_db import BLOBS, LIBRARY, reading
from module_utils.snapshot_series import PARTIAL, kept, take_and_keep
from soak.campaign import BrokenPromiseError, Case

SAMPLE = 8
TRACKS = 3000
KEEP = 2
_CLAIMED = "SELECT id FROM metadata_items WHERE metadata_type = 10 AND extra_data LIKE '%musicAnalysisVersion%'"
_VECTORS = "SELECT linked_id FROM blobs WHERE linked_type = 'metadata_item' AND blob_type = 7"


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield who is killed and when; most moments lie within the time that a snapshot takes."""
    chance = random.Random(seed)
    for number in range(count):
        killed = ("snapshotter", "writer", "both", "nobody", "snapshotter")[number % 5]
        yield {
            "number": number,
            "killed": killed,
            "after_ms": chance.randrange(1600),
            "seed": chance.randrange(1 << 30),
        }


def write(directory: Path, seed: int) -> None:
    """Analyse tracks without end: the vector, then the mark that claims it, each in a commit of its own."""
    chance = random.Random(seed)
    with (
        closing(sqlite3.connect(directory / LIBRARY, timeout=60, isolation_level=None)) as library,
        closing(sqlite3.connect(directory / BLOBS, timeout=60, isolation_level=None)) as blobs,
    ):
        tracks = [key for (key,) in library.execute("SELECT id FROM metadata_items WHERE metadata_type = 10")]
        chance.shuffle(tracks)
        for change, key in enumerate(tracks, 1_000_000):
            blobs.execute(
                "INSERT OR IGNORE INTO blobs (blob, linked_type, linked_id, blob_type)"
                " VALUES (?, 'metadata_item', ?, 7)",
                (chance.randbytes(600), key),
            )
            library.execute(
                "UPDATE metadata_items SET extra_data = 'ms%3AmusicAnalysisVersion=1', changed_at = ? WHERE id = ?",
                (change, key),
            )


def _started(work: Any, *arguments: Any) -> BaseProcess:
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def _kill(*processes: BaseProcess) -> None:
    for process in processes:
        process.kill()
        process.join()


def _prove(snapshot: Path, manifest: dict[str, Any] | None, place: Path) -> int:
    """Decompress one snapshot and hold it against its promises; return how many analysed tracks it has."""
    home = place / snapshot.name
    home.mkdir()
    for name in (LIBRARY, BLOBS):
        command = ["zstd", "--decompress", "--quiet", "-o", str(home / name), str(snapshot / f"{name}.zst")]
        if subprocess.run(command, check=False).returncode:
            raise BrokenPromiseError(f"{snapshot.name}/{name}.zst cannot be decompressed")
    problems = check(home).problems
    if problems:
        raise BrokenPromiseError(f"{snapshot.name} does not open: {' '.join(problems)}")
    for file in manifest["files"] if manifest else ():
        if sha256(home / file["name"]) != file["sha256"]:
            raise BrokenPromiseError(f"{snapshot.name}/{file['name']} is not what the manifest says")
    with reading(home / LIBRARY) as library, reading(home / BLOBS) as blobs:
        claimed = {key for (key,) in library.execute(_CLAIMED)}
        missing = claimed - {key for (key,) in blobs.execute(_VECTORS)}
    if missing:
        raise BrokenPromiseError(f"{snapshot.name}: {len(missing)} analysed tracks have no vector")
    return len(claimed)


def run(case: Case, workdir: Path) -> dict[str, Any]:
    """Do one case."""
    source, series = copy_of(pair(TRACKS), workdir / "work"), workdir / "checkpoints"
    writer = _started(write, source, case["seed"])
    snapshotter = _started(take_and_keep, source, series, KEEP, True)
    time.sleep(case["after_ms"] / 1000)
    targets = {"writer": [writer], "snapshotter": [snapshotter], "both": [writer, snapshotter], "nobody": []}
    _kill(*targets[case["killed"]])
    snapshotter.join(60)
    complete = kept(series) if series.exists() else []
    if case["killed"] in {"writer", "nobody"} and not complete:
        raise BrokenPromiseError("the snapshotter lived and left no snapshot")
    analysed = [_prove(snapshot, None, workdir) for snapshot in complete]
    started = time.monotonic()
    manifest, _ = take_and_keep(source, series, KEEP, True)
    seconds = time.monotonic() - started
    _kill(writer)
    newest = kept(series)[0]
    analysed.insert(0, _prove(newest, manifest, workdir) if newest not in complete else analysed[0])
    if analysed != sorted(analysed, reverse=True):
        raise BrokenPromiseError(f"a later snapshot has fewer analysed tracks: {analysed}")
    if list(series.glob(f"*{PARTIAL}")):
        raise BrokenPromiseError("a half snapshot was left behind")
    problems = check(source).problems
    if problems:
        raise BrokenPromiseError(f"the library itself suffered: {' '.join(problems)}")
    return {"complete_when_killed": len(complete), "analysed": analysed[0], "seconds_under_fire": round(seconds, 3)}
