"""plex_db_archive: archives that must be refused, each with one sentence, and with nothing left behind."""
# Longer than other files: what is refused stands in one table.

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.module_utils import archive_limits
from plugins.modules import plex_db_archive
from tests.unit.database.builder import BLOBS, LIBRARY, execute
from tests.unit.database.packing import both, entry, nothing_in, pack

Run = Callable[..., dict[str, Any]]


def tar_with(archive: Path, pair: Path, *extra: tarfile.TarInfo, without: str = "") -> Path:
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for entry in extra:
            tar.addfile(entry)
        for name in (LIBRARY, BLOBS):
            if name != without:
                tar.add(pair / name, name)
    return archive


def cut(archive: Path, keep: float) -> Path:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(len(data) * keep)])
    return archive


def flipped(archive: Path) -> Path:
    data = bytearray(archive.read_bytes())
    for offset in range(len(data) // 2, len(data) // 2 + 40):
        data[offset] ^= 0xFF
    archive.write_bytes(data)
    return archive


def longer(archive: Path) -> Path:
    return written(archive, archive.read_bytes() + b"and then something else")


def stored(archive: Path, pair: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for name in (BLOBS, LIBRARY):
            target.write(pair / name, name)
    return archive


def written(archive: Path, data: bytes) -> Path:
    archive.write_bytes(data)
    return archive


def another_program(tmp_path: Path, pair: Path) -> Path:
    execute(tmp_path / "x.db", "CREATE TABLE x (y)")
    return pack(tmp_path / "a.tar.gz", {LIBRARY: tmp_path / "x.db", BLOBS: pair / BLOBS})


def without_blobs(_: Path, pair: Path) -> Path:
    (pair / BLOBS).unlink()
    return pair


def empty_directory(tmp_path: Path, _: Path) -> Path:
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def length(pair: Path) -> int:
    """Of a tar with both databases, up to where its end mark begins."""
    return sum(512 + (pair / name).stat().st_size for name in (LIBRARY, BLOBS))


def headed(kind: bytes, size: int, name: str = "x") -> bytes:
    """The block before a member."""
    found = entry(name, kind)
    found.size = size
    return found.tobuf(tarfile.GNU_FORMAT)


def chained(archive: Path, pair: Path) -> Path:
    """Attributes of attributes of attributes: each is read by the reader of the one before."""
    record = b"13 comment=a\n".ljust(512, b"\0")
    data = (headed(tarfile.XHDTYPE, 13) + record) * 3000 + pack(archive.with_name("b.tar"), both(pair)).read_bytes()
    return written(archive, gzip.compress(data, 1))


def sparse(archive: Path, pair: Path) -> Path:
    """A kilobyte that says it is eight gigabytes, most of them holes."""
    block = bytearray(headed(tarfile.GNUTYPE_SPARSE, 1024, LIBRARY))
    block[386:410] = b"%011o\0%011o\0" % (0, 1024)
    block[483:495] = b"%011o\0" % (8**11 - 1)
    block[148:156] = b"%06o\0 " % (256 + sum(block[:148]) + sum(block[156:512]))
    rest = pack(archive.with_name("b.tar"), {BLOBS: pair / BLOBS}).read_bytes()
    return written(archive, bytes(block) + b"SQLite format 3\0".ljust(1024, b"\0") + rest)


def marked(archive: Path, local: int, central: int, value: int, pair: Path) -> Path:
    """A zip with one byte of the headers of its members changed."""
    data = bytearray(pack(archive, both(pair)).read_bytes())
    for magic, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = data.find(magic)
        while at >= 0:
            data[at + offset] = value
            at = data.find(magic, at + 4)
    return written(archive, bytes(data))


def nested(archive: Path, pair: Path) -> Path:
    return pack(archive, {"library.tar.gz": pack(archive.with_name("b.tar.gz"), both(pair))})


REFUSED: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "no archive": (lambda t, p: t / "none.tar.gz", "does not exist"),
    "text": (lambda t, p: written(t / "a.tar.gz", b"hello " * 200), "is no archive"),
    "empty": (lambda t, p: written(t / "a.tar.gz", b""), "is empty"),
    "gz of text": (lambda t, p: written(t / "a.tar.gz", gzip.compress(b"hello " * 2000)), "is truncated or damaged"),
    "gz of nothing": (lambda t, p: written(t / "a.tar.gz", gzip.compress(b"")), "is truncated or damaged"),
    "cut gz": (lambda t, p: cut(pack(t / "a.tar.gz", both(p)), 0.5), "is truncated"),
    "gz without its end": (lambda t, p: cut(pack(t / "a.tar.gz", both(p)), 0.9999), "is truncated"),
    "cut tar": (lambda t, p: cut(pack(t / "a.tar", both(p)), 0.5), "is truncated"),
    "tar cut between members": (
        lambda t, p: written(t / "b.tar", pack(t / "a.tar", both(p)).read_bytes()[: length(p)]),
        "is truncated",
    ),
    "cut zip": (lambda t, p: cut(pack(t / "a.zip", both(p)), 0.5), "is truncated or damaged"),
    "cut zst": (lambda t, p: cut(pack(t / "a.tar.zst", both(p)), 0.5), "is truncated"),
    "another program's database": (
        another_program,
        f"a.tar.gz: {LIBRARY}: no such table",
    ),
    "flipped gz": (lambda t, p: flipped(pack(t / "a.tar.gz", both(p))), "is truncated or damaged"),
    "flipped zip": (lambda t, p: flipped(pack(t / "a.zip", both(p))), "is truncated or damaged"),
    "flipped zst": (lambda t, p: flipped(pack(t / "a.tar.zst", both(p))), "is truncated"),
    "zst with something behind it": (lambda t, p: longer(pack(t / "a.tar.zst", both(p))), "zstd says"),
    "flipped plain zip": (lambda t, p: flipped(stored(t / "a.zip", p)), "Bad CRC-32"),
    "nothing of Plex's": (lambda t, p: pack(t / "a.tar.gz", {"x": b"x"}), "holds no library database"),
    "no library": (lambda t, p: pack(t / "a.zip", {BLOBS: p / BLOBS}), "holds no library database"),
    "no blobs": (lambda t, p: pack(t / "a.tar.gz", {LIBRARY: p / LIBRARY}), "holds no blobs database"),
    "no blobs in a directory": (without_blobs, "is missing"),
    "an empty directory": (empty_directory, "holds no library database"),
    "two libraries": (
        lambda t, p: pack(t / "a.tar.gz", {**both(p, "a/"), **both(p, "b/")}),
        'more than one library ("a" and "b")',
    ),
    "halves of two libraries": (
        lambda t, p: pack(t / "a.tar.gz", {"a/" + LIBRARY: p / LIBRARY, "b/" + BLOBS: p / BLOBS}),
        'more than one library ("a" and "b")',
    ),
    "the same member twice": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(LIBRARY, tarfile.REGTYPE)),
        "more than one library",
    ),
    "traversal": (lambda t, p: pack(t / "a.tar.gz", {**both(p), "../../etc/cron.d/x": b"x"}), "points outside"),
    "traversal of the library": (lambda t, p: pack(t / "a.tar.gz", both(p, "a/../../")), "points outside"),
    "traversal in a zip": (lambda t, p: pack(t / "a.zip", {**both(p), "../x": b"x"}), "points outside"),
    "absolute": (lambda t, p: pack(t / "a.tar.gz", both(p, "/srv/")), "points outside"),
    "absolute in a zip": (lambda t, p: pack(t / "a.zip", both(p, "/srv/")), "points outside"),
    "symbolic link": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(LIBRARY, tarfile.SYMTYPE, "/etc/shadow"), without=LIBRARY),
        "is a link, not a plain file",
    ),
    "hard link": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(BLOBS, tarfile.LNKTYPE, LIBRARY), without=BLOBS),
        "is a link, not a plain file",
    ),
    "device": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(LIBRARY, tarfile.CHRTYPE), without=LIBRARY),
        "is a special file, not a plain file",
    ),
    "pipe": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(LIBRARY, tarfile.FIFOTYPE), without=LIBRARY),
        "is a special file, not a plain file",
    ),
    "directory named like it": (
        lambda t, p: tar_with(t / "a.tar.gz", p, entry(LIBRARY, tarfile.DIRTYPE), without=LIBRARY),
        "is a directory, not a plain file",
    ),
    "zero bytes": (lambda t, p: pack(t / "a.tar.gz", {LIBRARY: b"", BLOBS: p / BLOBS}), "is empty (zero bytes)"),
    "zero bytes of blobs": (
        lambda t, p: pack(t / "a.tar.gz", {LIBRARY: p / LIBRARY, BLOBS: b""}),
        "is empty (zero bytes)",
    ),
    "not SQLite": (
        lambda t, p: pack(t / "a.tar.gz", {LIBRARY: b"<html>" * 999, BLOBS: p / BLOBS}),
        "is not an SQLite database",
    ),
    "a truncated library": (
        lambda t, p: pack(t / "a.tar.gz", {LIBRARY: (p / LIBRARY).read_bytes()[:-1024], BLOBS: p / BLOBS}),
        "is truncated",
    ),
    "a drive of Windows": (lambda t, p: pack(t / "a.zip", both(p, "C:/Plex/")), "points outside"),
    "traversal on Windows": (lambda t, p: pack(t / "a.zip", {**both(p), "..\\x": b"x"}), "points outside"),
    "Plex's download alone": (
        lambda t, p: pack(t / "a.zip", {"databaseBackup.db": p / LIBRARY}),
        "download button packs the library alone",
    ),
    "copies of two days": (
        lambda t, p: pack(t / "a.zip", {f"{LIBRARY}-2026-11-01": p / LIBRARY, f"{BLOBS}-2026-11-04": p / BLOBS}),
        "holds the library 2026-11-01 and the blobs 2026-11-04",
    ),
    "a copy of the blobs beside the library": (
        lambda t, p: pack(t / "a.tar", {LIBRARY: p / LIBRARY, f"{BLOBS}-2026-11-04": p / BLOBS}),
        "holds the library of today and the blobs 2026-11-04",
    ),
    "the same day twice": (
        lambda t, p: pack(t / "a.tar", {f"{x}/{LIBRARY}-2026-11-01": p / LIBRARY for x in "ab"}),
        "more than one library",
    ),
    "a memory bomb of attributes": (lambda t, p: chained(t / "a.tar.gz", p), "is truncated or damaged"),
    "a sparse member": (lambda t, p: sparse(t / "a.tar", p), "is a special file, not a plain file"),
    "a member of a terabyte": (lambda t, p: written(t / "a.tar", headed(b"0", 1 << 40, LIBRARY) + bytes(512)), "MB in"),
    "a member shorter than nothing": (
        lambda t, p: written(t / "a.tar", headed(b"0", -5, LIBRARY) + bytes(512)),
        "is shorter than nothing",
    ),
    "encrypted zip": (lambda t, p: marked(t / "a.zip", 6, 8, 1, p), "is encrypted"),
    "zip of an unknown method": (lambda t, p: marked(t / "a.zip", 8, 10, 99, p), "packed in a way we cannot read"),
    "zip that is not bzip2": (lambda t, p: marked(t / "a.zip", 8, 10, 12, p), "Invalid data stream"),
    "zip that is not LZMA": (lambda t, p: marked(t / "a.zip", 8, 10, 14, p), "a.zip"),
    "an archive in an archive": (lambda t, p: nested(t / "a.tar.gz", p), "holds no library database"),
    "packed twice": (
        lambda t, p: written(t / "a.tar.gz", gzip.compress(pack(t / "b.tar.gz", both(p)).read_bytes())),
        "is truncated or damaged",
    ),
    "bzip2": (lambda t, p: written(t / "a.gz", bz2.compress(pack(t / "b.tar", both(p)).read_bytes())), "is no archive"),
    "xz": (lambda t, p: written(t / "a.gz", lzma.compress(pack(t / "b.tar", both(p)).read_bytes())), "is no archive"),
    "7z": (lambda t, p: written(t / "a.zip", b"7z\xbc\xaf\x27\x1c" + bytes(600)), "is no archive"),
    "the database itself": (lambda t, p: p / LIBRARY, "is no archive"),
    "gz of the database itself": (
        lambda t, p: written(t / "a.gz", gzip.compress((p / LIBRARY).read_bytes(), 1)),
        "is truncated or damaged",
    ),
    "a log that is none": (
        lambda t, p: pack(t / "a.tar.gz", {**both(p), LIBRARY + "-wal": b"x" * 5000}),
        "does not belong to",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("state", ["unpacked", "inspected"])
def test_refused(run: Run, pair: Path, tmp_path: Path, case: str, state: str) -> None:
    make, words = REFUSED[case]
    if "zst" in case and not shutil.which("zstd"):
        pytest.skip("zstd is not installed")
    archive = make(tmp_path, pair)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target", state=state, scratch=scratch)
    assert result.get("failed"), result
    assert words in result["msg"]
    assert nothing_in(tmp_path / "target")
    assert nothing_in(scratch)


def test_a_bomb_is_refused(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an archive holds beside the databases is not written, and yet has to be unpacked to get past it."""
    monkeypatch.setattr(archive_limits, "HARMLESS", 1 << 20)
    monkeypatch.setattr(archive_limits, "GROWTH", 20)
    for name in ("a.tar.gz", "a.zip"):
        archive = pack(tmp_path / name, {"Metadata/x": bytes(24 << 20), **both(pair)})
        result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
        assert f"{name} unpacks to more than 200 times its size" in result["msg"]
        assert nothing_in(tmp_path / "target")


@pytest.mark.deep
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
def test_names_without_end_do_not_fill_the_memory(run: Run, pair: Path, tmp_path: Path, kind: bytes) -> None:
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb", 1) as file:
        file.write(headed(tarfile.REGTYPE, 0, "first"))
        file.write(headed(kind, 64 << 20))
        for _ in range(64):
            file.write(bytes(1 << 20))
        file.write(pack(tmp_path / "b.tar", both(pair)).read_bytes())
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
    assert "have no end: it is refused as a whole" in result["msg"]
    assert nothing_in(tmp_path / "target")
