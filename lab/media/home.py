"""The home library archive: an older state of the collection.

Scanned and partly analysed by the same code that does it in the media server stand-in.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ..plexsim.plexsim import analyser, extra_data, migrate, refresh, rows, schema
from ..plexsim.plexsim.scanner import Scan
from . import sediment
from .collection import Collection

ARCHIVE = "library.tar.gz"
MAPPINGS = "path_mappings.json"
HOME_ROOT = "/volume1/Media"
TARGET_ROOT = "/media/library"
MOVIES_SECTION_ID, MUSIC_SECTION_ID = 1, 5
_SCANNED_AT = 1_735_689_600  # New Year 2025: after every file of the collection, before every run
_ANALYSED_EVERY = 4
_MADE_UP = 946_684_800  # 2000-01-01, rclone's --default-time


def settle_directories(root: Path) -> None:
    """Give directories the time of their newest entry, deepest first, so that nothing depends on today."""
    for path in sorted((p for p in root.rglob("*") if p.is_dir()), key=lambda p: -len(p.parts)):
        newest = max((int(child.stat().st_mtime) for child in path.iterdir()), default=0)
        os.utime(path, (newest, newest))


def lay_out(tree: Path, output: Path, collection: Collection) -> None:
    """Show the older state as a directory tree of hard links under the home machine's paths."""
    pairs = [(movie.path, movie.path) for movie in collection.movies]
    pairs += [(track.path, track.home_path) for track in collection.tracks if track.known]
    for now, then in pairs:
        target = Path(f"{tree}{HOME_ROOT}", then)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(output / now, target)
    # The home server sees the bucket through rclone, too: S3 keeps no times of folders, so every one has the same.
    for path in tree.rglob("*"):
        if path.is_dir():
            os.utime(path, (_MADE_UP, _MADE_UP))


def fill(databases: Path, tree: Path) -> int:
    """Scan the tree and analyse every fourth track; return how many carry the marker."""
    schema.create_library(databases)
    library = schema.connect(databases / schema.LIBRARY)
    blobs = schema.connect(databases / schema.BLOBS)
    try:
        sections = (
            (MOVIES_SECTION_ID, "Movies", rows.MOVIE_SECTION),
            (MUSIC_SECTION_ID, "Music", rows.MUSIC_SECTION),
        )
        for section_id, name, kind in sections:
            with schema.transaction(library):
                rows.add_section(
                    library,
                    name=name,
                    section_type=kind,
                    locations=[f"{HOME_ROOT}/{name}"],
                    now=_SCANNED_AT,
                    section_id=section_id,
                )
            Scan(library, section_id, force=True, now=_SCANNED_AT, chroot=str(tree)).run()
            for item in refresh.wanted(library, section_id, force=False):
                refresh.refresh(library, item, _SCANNED_AT)
        backlog = analyser.pending(library)[::_ANALYSED_EVERY]
        analysis = analyser.Analysis(library, blobs, clock=lambda: _SCANNED_AT, chroot=str(tree))
        done = analysis.run(backlog)
        with schema.transaction(library):
            for track in backlog[::2]:  # half of them since before the JSON form
                old_form = extra_data.to_url({analyser.MARKER: "1"})
                rows.update(library, "metadata_items", track.item_id, {"extra_data": old_form})
        sediment.add(library, blobs, _SCANNED_AT)
    finally:
        for connection in (library, blobs):
            connection.close()
    return done


def settle_search(databases: Path, image: str) -> None:
    """Give the full-text indexes the terms of ICU, which only the server's own SQLite in its image can make."""
    program = ("--entrypoint", "/usr/lib/plexmediaserver/Plex SQLite", image)
    mounted = ("-v", f"{databases.resolve()}:/databases")
    rebuild = [migrate.REBUILD.format(table) for table in migrate.SEARCHED]
    subprocess.run(
        ["docker", "run", "--rm", "--network", "none", *mounted, *program, f"/databases/{schema.LIBRARY}", *rebuild],
        check=True,
        timeout=120,
    )


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 1000
    member.uname = member.gname = "plex"
    member.mtime = _SCANNED_AT
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def pack(archive: Path, root: Path) -> None:
    """Write the archive as a home server's owner would, but the same bytes every time."""
    unfinished = archive.with_suffix(".unfinished")
    with (
        unfinished.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for path in sorted(root.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(root)), recursive=False, filter=_plain)
    unfinished.replace(archive)


def make(home: Path, output: Path, collection: Collection, plex_image: str) -> dict[str, object]:
    """Make the archive and the mappings that lead from its paths to the mount's."""
    work = Path(tempfile.mkdtemp(prefix=".work-", dir=home))
    try:
        lay_out(work / "tree", output, collection)
        databases = work / "server" / schema.DATABASES
        analysed = fill(databases, work / "tree")
        if plex_image:
            settle_search(databases, plex_image)
        pack(home / ARCHIVE, work / "server")
    finally:
        shutil.rmtree(work)
    mappings = {HOME_ROOT: TARGET_ROOT} | {
        f"{HOME_ROOT}/Music/{old}": f"{TARGET_ROOT}/Music/{new}" for new, old in collection.renamed.items()
    }
    text = json.dumps({"mappings": mappings}, ensure_ascii=False, indent=2)
    (home / MAPPINGS).write_text(text + "\n")
    return {
        "known_tracks": sum(track.known for track in collection.tracks),
        "new_tracks": sum(not track.known for track in collection.tracks),
        "analysed_tracks": analysed,
        "movies": len(collection.movies),
        "root": HOME_ROOT,
        "sections": {"Movies": MOVIES_SECTION_ID, "Music": MUSIC_SECTION_ID},
    }
