"""plex_db_archive: every way a library can be packed, and what happens where it goes."""

from __future__ import annotations

import os
import shutil
import sqlite3
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
from tests.unit.database.packing import both, nothing_in, pack

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


def test_a_large_zip_and_a_name_of_every_kind_arrive(run: Run, pair: Path, tmp_path: Path) -> None:
    """What looks odd and is sound is taken: zip64 as archivers of large files write it, and folders of any name."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (LIBRARY, BLOBS):
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                file.write((pair / name).read_bytes())
    assert run(plex_db_archive, src=tmp_path / "a.zip", dest=tmp_path / "one")["changed"]
    odd = pack(tmp_path / "b.tar.gz", both(pair, "Plex \U0001f3b5 '\"%s\n\\é/"))
    assert run(plex_db_archive, src=odd, dest=tmp_path / "two")["changed"]


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
    assert result["databases"] == {name: (tmp_path / "target" / name).stat().st_size for name in (LIBRARY, BLOBS)}


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


def test_zstd_is_not_installed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    archive = tmp_path / "a.tar.zst"
    archive.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 100)
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
