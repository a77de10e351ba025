"""plex_db_archive: every way a library can be packed, every archive that must be refused."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils.integrity import check
from plugins.module_utils import place
from plugins.modules import plex_db_archive
from tests.unit.database.builder import BLOBS, LIBRARY, Builder, execute, query
from tests.unit.database.packing import both, entry, pack

Run = Callable[..., dict[str, Any]]
LAYOUTS = ["", "./", "Databases/", "Library/Application Support/Plex Media Server/Plug-in Support/Databases/"]


NEEDS_ZSTD = pytest.param(
    "home.tar.zst", marks=pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
)


@pytest.mark.parametrize("name", ["home.tar.gz", "home.tar", "home.zip", NEEDS_ZSTD])
@pytest.mark.parametrize("prefix", LAYOUTS)
def test_every_packing_arrives(run: Run, pair: Path, tmp_path: Path, name: str, prefix: str) -> None:
    around: dict[str, bytes | Path] = {
        prefix + "com.plexapp.dlna.db": b"x",
        prefix + LIBRARY + "-2026-11-01": b"a dated backup",
        prefix + LIBRARY + "-shm": b"x" * 32768,
        "Preferences.xml": b"<Preferences PlexOnlineToken='x'/>",
    }
    archive = pack(tmp_path / name, {**around, **both(pair, prefix)})
    dest = tmp_path / "target" / "Plug-in Support" / "Databases"
    result = run(plex_db_archive, src=archive, dest=dest, owner=os.getuid(), group=os.getgid())
    assert result["changed"]
    assert sorted(path.name for path in dest.iterdir()) == sorted([place.STAMP, LIBRARY, BLOBS])
    for name_ in (LIBRARY, BLOBS):
        assert (dest / name_).read_bytes() == (pair / name_).read_bytes()
        assert (dest / name_).stat().st_mode & 0o777 == 0o600
    assert result["databases"] == {name_: (pair / name_).stat().st_size for name_ in (LIBRARY, BLOBS)}
    assert [section["name"] for section in result["sections"]] == ["Movies", "Music"]
    assert result["schema_migrations"] == 40
    again = run(plex_db_archive, src=archive, dest=dest)
    assert (again["changed"], again["modified_since"], again["sections"]) == (False, False, result["sections"])


def test_a_directory_in_use(run: Run, pair: Path, tmp_path: Path) -> None:
    home = tmp_path / "Plex Media Server" / "Plug-in Support"
    home.mkdir(parents=True)
    pair.rename(home / "Databases")
    with closing(sqlite3.connect(home / "Databases" / LIBRARY)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")
        writer.commit()
        result = run(plex_db_archive, src=tmp_path / "Plex Media Server", dest=tmp_path / "target")
    assert [section["name"] for section in result["sections"]] == ["Movies", "Music", "Late"]


@pytest.mark.parametrize("name", ["home.tar.gz", "home.zip"])
def test_inspection_leaves_nothing(run: Run, pair: Path, tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / name, both(pair))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    result = run(plex_db_archive, src=archive, state="inspected", scratch=scratch)
    assert (result["changed"], [section["name"] for section in result["sections"]]) == (False, ["Movies", "Music"])
    assert result["databases"][BLOBS] == (pair / BLOBS).stat().st_size
    assert len(result["archive"]["sha256"]) == 64
    assert not list(scratch.iterdir())


def test_the_log_of_a_killed_server_is_brought_in(run: Run, pair: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(pair / LIBRARY)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")
        writer.commit()
        files = {**both(pair), LIBRARY + "-wal": (pair / f"{LIBRARY}-wal").read_bytes()}
        archive = pack(tmp_path / "home.tar.gz", files)
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
    assert [section["name"] for section in result["sections"]] == ["Movies", "Music", "Late"]
    assert not (tmp_path / "target" / f"{LIBRARY}-wal").exists()
    assert check(tmp_path / "target").problems == []


OTHERS = [(40, "/volume1/Media"), (3, "/volume2/Media")]


@pytest.mark.parametrize(("movies", "root"), OTHERS, ids=["of another size", "of the same shape"])
def test_the_log_of_another_database_is_refused(run: Run, pair: Path, tmp_path: Path, movies: int, root: str) -> None:
    other = Builder(tmp_path / "other", root=root)
    other.movies(movies)
    other.music()
    with closing(sqlite3.connect(other.finish() / LIBRARY)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE media_parts SET size = size + 1 WHERE id = 9")
        writer.commit()
        log = (other.directory / f"{LIBRARY}-wal").read_bytes()
    archive = pack(tmp_path / "home.tar.gz", {**both(pair), LIBRARY + "-wal": log})
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
    assert "does not belong to" in result["msg"]
    assert nothing_in(tmp_path / "target")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_everything_that_is_made_belongs_to_the_owner(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "config" / "Library" / "Databases"
    archive = pack(tmp_path / "home.tar.gz", both(pair))
    run(plex_db_archive, src=archive, dest=dest, owner=1000, group=1001)
    made = [dest.parent.parent, dest.parent, dest, *dest.iterdir()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(1000, 1001)}


def test_stale_logs_of_the_replaced_library_go_with_it(run: Run, pair: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "home.tar.gz", both(pair))
    dest = tmp_path / "target"
    dest.mkdir()
    for name in (LIBRARY, LIBRARY + "-wal", LIBRARY + "-shm"):
        (dest / name).write_bytes(b"old")
    assert "is not overwritten" in run(plex_db_archive, src=archive, dest=dest)["msg"]
    result = run(plex_db_archive, src=archive, dest=dest, force=True)
    assert sorted(path.name for path in Path(result["backup"]).iterdir()) == [
        LIBRARY,
        LIBRARY + "-shm",
        LIBRARY + "-wal",
    ]
    assert not (dest / f"{LIBRARY}-wal").exists()
    assert (dest / LIBRARY).read_bytes() == (pair / LIBRARY).read_bytes()


def test_what_plex_has_changed_is_not_overwritten(run: Run, pair: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "home.tar.gz", both(pair))
    dest = tmp_path / "target"
    run(plex_db_archive, src=archive, dest=dest)
    execute(dest / LIBRARY, "INSERT INTO library_sections (name, section_type) VALUES ('New', 8)")
    os.utime(archive)  # copied again: another time, the same content
    again = run(plex_db_archive, src=archive, dest=dest)
    assert (again["changed"], again["modified_since"]) == (False, True)
    other = pack(tmp_path / "other.tar.gz", {**both(pair), "x": b"x"})
    assert "was changed since" in run(plex_db_archive, src=other, dest=dest)["msg"]
    assert query(dest / LIBRARY, "SELECT count(*) FROM library_sections") == [(3,)]
    forced = run(plex_db_archive, src=other, dest=dest, force=True)
    assert query(dest / LIBRARY, "SELECT count(*) FROM library_sections") == [(2,)]
    assert query(Path(forced["backup"]) / LIBRARY, "SELECT count(*) FROM library_sections") == [(3,)]


def test_a_newer_archive_replaces_an_untouched_one(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "target"
    run(plex_db_archive, src=pack(tmp_path / "one.tar", both(pair)), dest=dest)
    second = run(plex_db_archive, src=pack(tmp_path / "two.zip", both(pair)), dest=dest)
    assert (second["changed"], Path(second["backup"]).parent) == (True, dest)


def test_check_mode_writes_nothing(run: Run, pair: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "home.tar.gz", both(pair))
    assert run(plex_db_archive, src=archive, dest=tmp_path / "target", check_mode=True)["changed"]
    assert not (tmp_path / "target").exists()


def nothing_in(dest: Path) -> bool:
    return not dest.exists() or not list(dest.iterdir())


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


def test_zstd_is_not_installed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    archive = written(tmp_path / "a.tar.zst", b"\x28\xb5\x2f\xfd" + b"x" * 100)
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
    assert "zstd, which is not installed here: apt-get install zstd" in result["msg"]


def test_no_room(run: Run, pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 1 << 20})())
    result = run(plex_db_archive, src=pack(tmp_path / "a.tar.gz", both(pair)), dest=tmp_path / "target")
    assert "1 MB are free" in result["msg"]
    assert nothing_in(tmp_path / "target")


def test_what_a_killed_run_left_is_cleared(run: Run, pair: Path, tmp_path: Path) -> None:
    dest = tmp_path / "target"
    leftover = dest / ".plex-burst-incoming-dead"
    leftover.mkdir(parents=True)
    (leftover / LIBRARY).write_bytes(b"half")
    assert run(plex_db_archive, src=pack(tmp_path / "a.tar.gz", both(pair)), dest=dest)["changed"]
    assert not leftover.exists()


def test_the_real_pair(run: Run, real_pair: Path, tmp_path: Path) -> None:
    archive = pack(tmp_path / "home.tar.gz", both(real_pair, "Plug-in Support/Databases/"))
    result = run(plex_db_archive, src=archive, dest=tmp_path / "target")
    assert [section["name"] for section in result["sections"]] == ["Movies", "TV Shows", "Photos", "Music"]
    assert check(tmp_path / "target").problems == []
