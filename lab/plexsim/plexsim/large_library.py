"""A pair of databases as large as wanted: 456,534 tracks, 17.8 % analysed, as the library this began with.

``python3 -m plexsim.large_library DIRECTORY [--tracks N]`` in the image, where the full-text terms become the
server's own; outside it ``python -m lab.plexsim.plexsim.large_library``. There are no media files behind the rows.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from . import analyser, extra_data, schema

TRACKS = 456_534
ANALYSED = 0.178
ROOT = "/volume1/Media"
_FULL_TEXT = ("fts4_metadata_titles", "fts4_metadata_titles_icu")
PER_ALBUM, PER_ARTIST = 12, 36
WORDS = (
    *("amber", "bitter", "cold", "distant", "electric", "faded", "golden"),
    *("hollow", "iron", "jagged", "kind", "lonely", "midnight", "northern"),
)
MARK = {analyser.MARKER: "1"}
MARKS = (extra_data.to_json(MARK), extra_data.to_url(MARK))  # both encodings, in turns


def _insert(connection: sqlite3.Connection, table: str, names: str, rows: Iterator[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(names.split(",")))
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def _title(number: int) -> str:
    return f"{WORDS[number % 14]} {WORDS[number // 14 % 14]} {number}".title()


def _places(tracks: int) -> Iterator[tuple[int, int, int]]:
    """Give track, album and artist numbers, all from one."""
    for number in range(tracks):
        yield number + 1, number // PER_ALBUM + 1, number // PER_ARTIST + 1


def _fill(library: sqlite3.Connection, tracks: int) -> set[int]:
    albums, artists = -(-tracks // PER_ALBUM), -(-tracks // PER_ARTIST)
    chance = random.Random(1)
    base = artists + albums
    analysed = {base + track for track in range(1, tracks + 1) if chance.random() < ANALYSED}
    library.execute("INSERT INTO library_sections (id, name, section_type) VALUES (5, 'Music', 8)")
    library.execute(
        "INSERT INTO section_locations (id, library_section_id, root_path) VALUES (5, 5, ?)", (f"{ROOT}/Music",)
    )
    directory = "id, library_section_id, parent_directory_id, path, created_at, updated_at"
    _insert(library, "directories", directory, iter([(1, 5, None, "", 1, 1)]))
    _insert(library, "directories", directory, ((1 + n, 5, 1, f"Artist {n:06d}", 1, 1) for n in range(1, artists + 1)))
    _insert(
        library,
        "directories",
        directory,
        (
            (1 + artists + n, 5, 1 + (n - 1) * PER_ALBUM // PER_ARTIST + 1,
             f"Artist {(n - 1) * PER_ALBUM // PER_ARTIST + 1:06d}/Album {n:06d}", 1, 1)
            for n in range(1, albums + 1)
        ),
    )  # fmt: skip
    item = (
        "id, library_section_id, parent_id, metadata_type, guid, media_item_count, title, title_sort, summary,"
        ' "index", absolute_index, hash, added_at, created_at, updated_at, refreshed_at, extra_data, changed_at'
    )

    def row(key: int, parent: int | None, kind: int, extra: str, number: int) -> tuple[Any, ...]:
        summary = "About this one. " * 40 if kind != 10 else ""
        guid = f"plex://{('artist', 'album', 'track')[kind - 8]}/{key:024x}"
        moment = 1_700_000_000 + key
        return (key, 5, parent, kind, guid, int(kind == 10), _title(key), _title(key), summary,
                number, 1, f"{key:040x}", moment, moment, moment, moment, extra, key)  # fmt: skip

    _insert(library, "metadata_items", item, (row(n, None, 8, "", 1) for n in range(1, artists + 1)))
    _insert(
        library,
        "metadata_items",
        item,
        (row(artists + n, (n - 1) * PER_ALBUM // PER_ARTIST + 1, 9, "", 1) for n in range(1, albums + 1)),
    )
    _insert(
        library,
        "metadata_items",
        item,
        (
            row(base + t, artists + album, 10, MARKS[t % 2] if base + t in analysed else "", t % PER_ALBUM + 1)
            for t, album, _ in _places(tracks)
        ),
    )
    media = "id, library_section_id, section_location_id, metadata_item_id, size, duration, bitrate, extra_data"
    _insert(
        library,
        "media_items",
        media,
        ((t, 5, 5, base + t, 30_000_000, 240_000, 900_000, '{"ma:audioProfile":"lc"}') for t in range(1, tracks + 1)),
    )
    part = "id, media_item_id, directory_id, file, size, duration, hash, updated_at, extra_data"
    _insert(
        library,
        "media_parts",
        part,
        (
            (t, t, 1 + artists + album, f"{ROOT}/Music/Artist {artist:06d}/Album {album:06d}/{_title(t)}.flac",
             30_000_000, 240_000, f"{t:040x}", 1, '{"ma:container":"flac"}')
            for t, album, artist in _places(tracks)
        ),
    )  # fmt: skip
    stream = 'id, stream_type_id, media_item_id, media_part_id, url, codec, "index", channels, bitrate, extra_data'
    levels = '{"ld:gain":"-9.22","ld:loudness":"-8.78","ma:samplingRate":"44100","url":"ld%3Again=-9%2E22"}'
    _insert(
        library,
        "media_streams",
        stream,
        ((t, 2, t, t, "", "flac", 0, 2, 900, levels) for t in range(1, tracks + 1)),
    )
    return analysed


def make(directory: Path, tracks: int) -> None:
    """Make both databases in a directory that has none."""
    schema.create_library(directory)
    with closing(schema.connect(directory / schema.LIBRARY)) as library:
        set_aside = library.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
        # Nobody reads it yet and nothing half made is kept, so no journal; the cache is for sorting the indexes.
        for quicker in ("synchronous = OFF", "journal_mode = OFF", "cache_size = -64000"):
            library.execute(f"PRAGMA {quicker}")
        library.execute("BEGIN")
        for kind, name, _ in set_aside:
            library.execute(f'DROP {kind} "{name}"')
        analysed = _fill(library, tracks)
        for _, _, sql in set_aside:
            library.execute(sql)
        for table in _FULL_TEXT:
            library.execute(f"INSERT INTO {table} ({table}) VALUES ('rebuild')")
        library.execute("COMMIT")
        library.execute("PRAGMA journal_mode = WAL")
    with closing(schema.connect(directory / schema.BLOBS)) as blobs:
        blobs.execute("BEGIN")
        numbers = random.Random(7)
        vector = analyser.encode([numbers.random() for _ in range(analyser.DIMENSIONS)])
        vectors = ((vector, "metadata_item", key, analyser.VECTOR_BLOB) for key in sorted(analysed))
        _insert(blobs, "blobs", "blob, linked_type, linked_id, blob_type", vectors)
        blobs.execute("COMMIT")
        blobs.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def pair(tracks: int = TRACKS) -> Path:
    """Give the directory of a pair of that size, made now if it was not made before."""
    cache = Path(os.environ.get("BENCH_CACHE", Path(__file__).parents[3] / ".lab" / "cache" / "bench"))
    directory = cache / f"tracks-{tracks}"
    if not directory.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as place:
            # By another process: its memory is not that of a bench.
            command = [sys.executable, "-m", __name__, str(Path(place) / "pair"), "--tracks", str(tracks)]
            subprocess.run(command, check=True, cwd=Path(__file__).parents[3])
            (Path(place) / "pair").rename(directory)
    return directory


def copy_of(directory: Path, target: Path) -> Path:
    """Copy a pair to work on."""
    target.mkdir(parents=True)
    for name in (schema.LIBRARY, schema.BLOBS):
        shutil.copyfile(directory / name, target / name)
    return target


def main(arguments: list[str]) -> int:
    """Make a pair where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, help="where both databases go; made if missing")
    parser.add_argument("--tracks", type=int, default=TRACKS)
    options = parser.parse_args(arguments)
    if options.tracks < 1:
        parser.error(f"--tracks {options.tracks}: a library has at least one track")
    if (options.directory / schema.LIBRARY).exists():
        parser.error(f"{options.directory} has a library already; name another directory")
    make(options.directory, options.tracks)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
