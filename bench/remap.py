"""Remapping all paths of a large library, against the statements the predecessor ran; same database, same run.

`floor` is a copy and the bare rewriting of every path in it, without plan, census or check: what ours cannot go below.

The generator numbers tracks in the order of their paths, the best case for the predecessor, who changes the index row
by row. --discovered numbers whole albums in any order, their tracks in theirs, as the real library has it.

python -m bench.remap [--tracks N] [--rounds N] [--discovered] [--save]
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from bench.table import Measured, measured_apart, report, save
from lab.plexsim.plexsim.large_library import ROOT, TRACKS, copy_of, pair
from module_utils.path_mapping import parse
from module_utils.plex_db import LIBRARY
from module_utils.remap import remap

TARGET = "/media/library"
RULES = f'{{"mappings": {{"{ROOT}": "{TARGET}"}}}}'


def predecessor(directory: Path) -> int:
    """Count, copy the file, then UPDATE ... REPLACE ... LIKE in the two tables it knew."""
    library = directory / LIBRARY
    with closing(sqlite3.connect(library)) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table} WHERE {column} LIKE ?", (f"{ROOT}%",)).fetchone()[0]
            for table, column in (("section_locations", "root_path"), ("media_parts", "file"))
        ]
        shutil.copyfile(library, directory / "backup.db")
        for table, column in (("section_locations", "root_path"), ("media_parts", "file")):
            connection.execute(
                f"UPDATE {table} SET {column} = REPLACE({column}, ?, ?) WHERE {column} LIKE ?",
                (ROOT, TARGET, f"{ROOT}%"),
            )
        connection.commit()
    return sum(counts)


def ours(directory: Path) -> int:
    """Plan, back up, apply with all checks and both censuses."""
    return sum(remap(directory, parse(RULES), directory / "backups").counts.values())


def floor(directory: Path) -> int:
    """The least that one pass over the table and its index anew can cost, in a copy that nothing protects; one rule."""
    copy = directory / "changed.db"
    shutil.copyfile(directory / LIBRARY, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "secure_delete = OFF", "cache_size = -8192"):
            connection.execute(f"PRAGMA {setting}").fetchone()
        (index,) = connection.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'index_media_parts_on_file'"
        ).fetchone()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP INDEX index_media_parts_on_file")
        changed = connection.execute(
            "UPDATE media_parts SET file = ? || substr(file, ?) WHERE file >= ? AND file < ?",
            (TARGET, len(ROOT) + 1, f"{ROOT}/", f"{ROOT}0"),
        ).rowcount
        connection.execute(index)
        connection.execute("COMMIT")
    return changed


def discovered(directory: Path) -> None:
    """Give the albums of a library to each other's ids."""
    with closing(sqlite3.connect(directory / LIBRARY, isolation_level=None)) as connection:
        for setting in ("synchronous = OFF", "cache_size = -8192"):
            connection.execute(f"PRAGMA {setting}").fetchone()
        paths = [path for (path,) in connection.execute("SELECT file FROM media_parts ORDER BY id")]
        albums = [list(album) for _, album in itertools.groupby(paths, key=lambda path: path.rpartition("/")[0])]
        random.Random(1).shuffle(albums)
        connection.execute("BEGIN")
        connection.executemany(
            "UPDATE media_parts SET file = ? WHERE id = ?",
            [(path, key) for key, path in enumerate(itertools.chain.from_iterable(albums), 1)],
        )
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=TRACKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--discovered", action="store_true", help="albums are numbered in any order")
    parser.add_argument("--save", action="store_true", help="keep the result in bench/results/")
    options = parser.parse_args()
    generated = pair(options.tracks)
    ways: dict[str, Callable[[Path], int]] = {"predecessor": predecessor, "ours": ours, "floor": floor}
    runs: dict[str, list[Measured]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(dir=generated.parent) as base:
        source = generated
        if options.discovered:
            source = copy_of(generated, Path(base) / "source")
            measured_apart(partial(discovered, source))
        for _ in range(options.rounds):
            for name, way in ways.items():
                with tempfile.TemporaryDirectory(dir=base) as place:
                    directory = copy_of(source, Path(place) / name)
                    runs[name].append(measured_apart(partial(way, directory)))
    name = "remap-discovered" if options.discovered else "remap"
    result = report(name, runs, {"ours": 0.5}, {"tracks": options.tracks})
    if options.save:
        save(result)


if __name__ == "__main__":
    main()
