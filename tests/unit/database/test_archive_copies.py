"""plex_db_archive: dated copies, Plex's download, names from Windows, and folders that travel along."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils.files import sha256
from plugins.module_utils import place
from plugins.modules import plex_db_archive
from tests.unit.database.builder import BLOBS, LIBRARY
from tests.unit.database.packing import both, entry, pack

Run = Callable[..., dict[str, Any]]


def dated(pair: Path, day: str, data: bytes | None = None) -> dict[str, bytes | Path]:
    return {f"{name}-{day}": data or pair / name for name in (LIBRARY, BLOBS)}


DATED: dict[str, Callable[[Path], dict[str, bytes | Path]]] = {
    "one day": lambda p: dated(p, "2026-11-01"),
    "the newer of two, first": lambda p: dated(p, "2026-11-04") | dated(p, "2026-11-01", b"older"),
    "the newer of two, last": lambda p: dated(p, "2026-11-01", b"older") | dated(p, "2026-11-04"),
    "the database itself, last": lambda p: dated(p, "2026-11-01", b"older") | both(p),
    "the download, with its blobs": lambda p: {"databaseBackup.db": p / LIBRARY, BLOBS: p / BLOBS},
    "the log of what is not there": lambda p: {f"{LIBRARY}-wal": b"x" * 5000} | dated(p, "2026-11-01"),
}


@pytest.mark.parametrize("case", DATED)
def test_dated_copies(run: Run, pair: Path, tmp_path: Path, case: str) -> None:
    dest = tmp_path / "target"
    result = run(plex_db_archive, src=pack(tmp_path / "a.zip", DATED[case](pair)), dest=dest)
    assert sorted(path.name for path in dest.iterdir()) == sorted([place.STAMP, LIBRARY, BLOBS])
    assert result["checksums"] == {name: sha256(dest / name) for name in (LIBRARY, BLOBS)}
    assert all((dest / name).read_bytes() == (pair / name).read_bytes() for name in (LIBRARY, BLOBS))


def test_names_from_windows(run: Run, pair: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", both(pair, "Plex Media Server\\Plug-in Support\\Databases\\"))
    assert run(plex_db_archive, src=archive, dest=tmp_path / "target")["changed"]


def carrying(pair: Path, archive: Path) -> Path:
    bundle = "Metadata/Movies/a/b.bundle/Contents/"
    names = {bundle + "_stored/poster": b"poster", "Media/localhost/0/x.bundle/y": b"thumb", "Cache/z": b"no"}
    with tarfile.open(archive, "w:gz") as tar:
        for name, data in names.items():
            held = tarfile.TarInfo(f"Plex Media Server/{name}")
            held.size = len(data)
            tar.addfile(held, io.BytesIO(data))
        place_ = f"Plex Media Server/{bundle}_combined"
        tar.addfile(entry(f"{place_}/good", tarfile.SYMTYPE, "../_stored/poster"))
        tar.addfile(entry(f"{place_}/far", tarfile.SYMTYPE, "../../../../../../../etc"))
        tar.addfile(entry(f"{place_}/root", tarfile.SYMTYPE, "/etc"))
        tar.addfile(entry(f"{place_}/hard", tarfile.LNKTYPE, "Plex Media Server/Cache/z"))
        tar.addfile(entry(f"{place_}/dir", tarfile.SYMTYPE, "../_stored"))
        # Through a link that came before: the way out that a check of names alone does not see.
        tar.addfile(entry(f"{place_}/dir/poster2", tarfile.REGTYPE))
        tar.addfile(entry(f"{place_}/pipe", tarfile.FIFOTYPE))
        for name in (LIBRARY, BLOBS):
            tar.add(pair / name, f"Plex Media Server/Plug-in Support/Databases/{name}")
    return archive


def test_what_travels_along(run: Run, pair: Path, tmp_path: Path) -> None:
    archive = carrying(pair, tmp_path / "a.tar.gz")
    root = tmp_path / "config" / "Plex Media Server"
    dest = root / "Plug-in Support" / "Databases"
    assert run(plex_db_archive, src=archive, dest=dest)["carried"] == {}
    assert not (root / "Metadata").exists()
    result = run(plex_db_archive, src=archive, dest=tmp_path / "b" / "x" / "Databases", carry=["Metadata"])
    contents = tmp_path / "b" / "Metadata" / "Movies/a/b.bundle/Contents"
    assert result["carried"] == {"bytes": 6, "files": 1, "left_out": 5, "links": 2}
    assert (contents / "_combined/good").read_bytes() == b"poster"
    assert sorted(path.name for path in (contents / "_combined").iterdir()) == ["dir", "good"]
    assert [path.name for path in (contents / "_stored").iterdir()] == ["poster"]
    assert not (tmp_path / "b" / "Media").exists()


def test_what_travels_along_from_a_directory(run: Run, pair: Path, tmp_path: Path) -> None:
    root = tmp_path / "Plex Media Server"
    (root / "Plug-in Support").mkdir(parents=True)
    pair.rename(root / "Plug-in Support" / "Databases")
    (root / "Metadata" / "a").mkdir(parents=True)
    (root / "Metadata" / "a" / "\udcff'\n%").write_bytes(b"poster")
    (root / "Metadata" / "a" / "out").symlink_to("/etc")
    os.mkfifo(root / "Metadata" / "a" / "pipe")
    result = run(plex_db_archive, src=root, dest=tmp_path / "b" / "x" / "Databases", carry=["Metadata", "Media"])
    assert result["carried"] == {"bytes": 6, "files": 1, "left_out": 2}
    assert (tmp_path / "b" / "Metadata" / "a" / "\udcff'\n%").read_bytes() == b"poster"
