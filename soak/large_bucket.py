"""The large library with a file in the bucket for each of its 456,534 tracks, and its archive.

The files hold one byte each: a scan asks for their names, sizes and times, and reads none that is as the library has
it. Made once, which takes some minutes; kept in the lab's S3 and, in `.lab/large`, in a folder of its own for each lab.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.control import rclone, settings
from lab.control.errors import LabError
from lab.plexsim.plexsim.large_library import ROOT, TRACKS, copy_of, pair
from module_utils.plex_db import BLOBS, LIBRARY

# The filer copies a folder with its name, which is the prefix.
BUCKET, PREFIX = "plex-large", "large"
# Of this lab alone: the library has the times of this lab's bucket.
PLACE = settings.STATE / "large" / settings.PREFIX
# Beside the files and written last, so that it goes with them when the lab's S3 is thrown away.
_NOTE = f"{BUCKET}/made"
_S3 = f"{settings.PREFIX}-s3"
# Names come by standard input; the files are made and copied where the filer is, which is many times quicker than a
# request each over S3.
_FILL = f"""
set -e
rm -rf /tmp/{PREFIX}
python3 -c '
import os, sys
for line in sys.stdin:
    path = "/tmp/{PREFIX}/" + line.rstrip("\\n")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write("x")
'
weed filer.copy -c 16 /tmp/{PREFIX} http://localhost:8888/buckets/{BUCKET}/ >/dev/null 2>&1
rm -r /tmp/{PREFIX}
"""


@dataclass(frozen=True)
class Large:
    """What a machine needs to have the large library: the bucket, the archive, the mappings."""

    bucket: str = BUCKET
    prefix: str = PREFIX
    archive: Path = PLACE / "library.tar"
    mappings: Path = PLACE / "path_mappings.json"


def ensure() -> Large:
    """Make bucket, archive and mappings unless they are there."""
    made = Large()
    if not (made.archive.exists() and rclone.upload_times(_NOTE)):
        PLACE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=PLACE) as place:
            directory = copy_of(pair(TRACKS), Path(place) / "pair")
            with closing(sqlite3.connect(directory / LIBRARY, isolation_level=None)) as library:
                files = [path for (path,) in library.execute("SELECT file FROM media_parts")]
                if len(_times()) != len(files):
                    _fill([PurePosixPath(path) for path in files])
                _agree(library)
            subprocess.run(["tar", "-cf", made.archive, "-C", directory, LIBRARY, BLOBS], check=True)
        made.mappings.write_text(json.dumps({"mappings": {ROOT: "/media/library"}}), encoding="utf-8")
        rclone.write(_NOTE, "")
    return made


def _fill(files: list[PurePosixPath]) -> None:
    names = "".join(f"{path.relative_to(ROOT)}\n" for path in files)
    subprocess.run(
        ["docker", "exec", "--interactive", _S3, "bash", "-c", _FILL], input=names, text=True, check=True, timeout=3600
    )


def _times() -> dict[str, int]:
    """List the bucket: when each file came into it, by its path in the library."""
    return {f"{ROOT}/{path}": at for path, at in rclone.upload_times(f"{BUCKET}/{PREFIX}").items()}


def _agree(library: sqlite3.Connection) -> None:
    """Write sizes and times of the bucket into the library, so that a scan finds its files as they were."""
    library.execute("BEGIN")
    rows = ((at, path) for path, at in _times().items())
    library.executemany("UPDATE media_parts SET size = 1, updated_at = ? WHERE file = ?", rows)
    (left,) = library.execute("SELECT count(*) FROM media_parts WHERE size <> 1").fetchone()
    if left:
        raise LabError(f"{left} tracks have no file in the bucket {BUCKET}; run script/lab down --purge and try again.")
    library.execute("COMMIT")
    library.execute("PRAGMA wal_checkpoint(TRUNCATE)")
