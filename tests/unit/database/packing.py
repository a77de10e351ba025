"""Pack a library the way people and programs do."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.unit.database.builder import BLOBS, LIBRARY


def pack(archive: Path, files: dict[str, bytes | Path]) -> Path:
    """Pack files by the kind in the archive's name."""
    contents = {name: data.read_bytes() if isinstance(data, Path) else data for name, data in files.items()}
    if archive.name.endswith(".zip"):
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for name, data in contents.items():
                target.writestr(name, data)
        return archive
    plain = archive.with_name("plain.tar")
    with tarfile.open(plain, "w") as tar:
        for name, data in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    if archive.name.endswith(".gz"):
        archive.write_bytes(gzip.compress(plain.read_bytes(), 1))
    elif archive.name.endswith(".zst"):
        subprocess.run(["zstd", "-q", "-f", str(plain), "-o", str(archive)], check=True)
    else:
        plain.rename(archive)
    return archive


def both(pair: Path, prefix: str = "") -> dict[str, bytes | Path]:
    return {prefix + LIBRARY: pair / LIBRARY, prefix + BLOBS: pair / BLOBS}


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, target
    return found


def nothing_in(dest: Path) -> bool:
    return not dest.exists() or not list(dest.iterdir())
