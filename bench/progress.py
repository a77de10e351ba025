"""One progress sample of a large library, against the count the predecessor made; same database, same run.

`everything` is the first sample of a phase: items, tracks, files, what is soft-deleted, marks of both spellings,
loudness and vectors. `changes` is every other one: a server has analysed some tracks since the last.

python -m bench.progress [--tracks N] [--rounds N] [--changed N] [--save]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bench.table import Measured, measured, report, save
from lab.plexsim.plexsim.large_library import TRACKS, copy_of, pair
from module_utils.plex_db import BLOBS, LIBRARY
from module_utils.progress_counts import CHANGES, Memory, read_counts

SECTION = 5


def predecessor(directory: Path) -> int:
    """Count the tracks that carry the mark as it looked for it; percent-encoded ones are missed."""
    with closing(sqlite3.connect(directory / LIBRARY)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM metadata_items WHERE metadata_type = 10"
            " AND extra_data LIKE '%ms:musicAnalysisVersion%'"
        ).fetchone()
    return int(count)


def analyse(directory: Path, first: int, count: int) -> None:
    """Do what the server does to a few tracks between two samples."""
    with closing(sqlite3.connect(directory / LIBRARY)) as library, closing(sqlite3.connect(directory / BLOBS)) as blobs:
        (change,) = library.execute("SELECT max(changed_at) FROM metadata_items").fetchone()
        tracks = library.execute(
            "SELECT id FROM metadata_items WHERE metadata_type = 10 AND id > ? LIMIT ?", (first, count)
        ).fetchall()
        for number, (key,) in enumerate(tracks, 1):
            blobs.execute(
                "INSERT OR IGNORE INTO blobs (linked_type, linked_id, blob_type) VALUES ('metadata_item', ?, 7)", (key,)
            )
            library.execute(
                "UPDATE metadata_items SET extra_data = 'ms%3AmusicAnalysisVersion=1', changed_at = ? WHERE id = ?",
                (change + number, key),
            )
        library.commit()
        blobs.commit()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--changed", type=int, default=100, help="tracks analysed between two samples")
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()
    runs: dict[str, list[Measured]] = {"predecessor": [], "everything": [], "changes": []}
    source = pair(options.tracks)
    with tempfile.TemporaryDirectory(dir=source.parent) as place:
        directory, memory = copy_of(source, Path(place) / "work"), Memory(Path(place) / "counted")
        for number in range(options.rounds):
            runs["predecessor"].append(measured(lambda: predecessor(directory)))
            runs["everything"].append(measured(lambda: read_counts(str(directory), SECTION)))
            read_counts(str(directory), SECTION, memory=memory)
            analyse(directory, 100_000 + number * 1000, options.changed)
            runs["changes"].append(measured(lambda: read_counts(str(directory), SECTION, memory=memory)))
            again, everything = (read_counts(str(directory), SECTION, memory=found) for found in (memory, None))
            if again.counted != CHANGES or again.counts != everything.counts:
                raise SystemExit(f"They differ: {again} and {everything}")
    facts = {"tracks": options.tracks, "changed": options.changed}
    name = "progress" if options.tracks == TRACKS else f"progress-{options.tracks}"
    result = report(name, runs, {"everything": 1.0, "changes": 0.1}, facts)
    if options.save:
        save(result)


if __name__ == "__main__":
    main()
