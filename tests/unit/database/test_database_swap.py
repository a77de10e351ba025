"""A remap changes a copy that takes the library's place: killed anywhere, the old library is there or the new one."""

from __future__ import annotations

import errno
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from module_utils import database_swap
from module_utils import remap as remap_room
from module_utils.database_swap import take_place
from module_utils.integrity import check
from module_utils.path_mapping import PathMapping, parse
from module_utils.plex_db import PlexDatabaseError, writing
from module_utils.remap import remap
from tests.unit.database.builder import LIBRARY, execute, query

HOME = parse('{"mappings": {"/volume1/Media": "/media/library"}}')
OLD, NEW = "/volume1/Media/%", "/media/library/%"
STEPS = ("open", "os.", "sqlite3.", "subprocess.", "shutil.")


# Inside one location, so that nothing but the files and their directories shows whether it was applied.
SWAP = parse(
    """{"mappings": {"/volume1/Media/Music/Artist 0": "/volume1/Media/Music/Artist 1",
                     "/volume1/Media/Music/Artist 1": "/volume1/Media/Music/Artist 0"}}"""
)


def files(library: Path) -> list[bytes]:
    return [path for (path,) in query(library, "SELECT CAST(file AS BLOB) FROM media_parts ORDER BY id")]


def moved(library: Path) -> bool:
    """Whether all paths of a library are new; that some are would be a failure of its own."""
    old, new = (query(library, "SELECT count(*) FROM media_parts WHERE file LIKE ?", side)[0][0] for side in (OLD, NEW))
    assert 0 in {old, new}
    assert old + new == 15
    return bool(new)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if "library.db" in path.name)


def remap_until(step: int, directory: Path, mapping: PathMapping) -> None:
    """Remap in this process, which is killed before its nth call of the system or its nth statement."""
    left = step

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    connect: Any = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(count)
        return connection

    def hook(event: str, _: tuple[Any, ...]) -> None:
        if event.startswith(STEPS) and event != "os.kill":
            count()

    pytest.MonkeyPatch().setattr(sqlite3, "connect", traced)
    sys.addaudithook(hook)
    remap(directory, mapping, directory / "backups")


def killed_at(step: int, directory: Path, mapping: PathMapping) -> bool:
    process = multiprocessing.get_context("fork").Process(target=remap_until, args=(step, directory, mapping))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


@pytest.mark.deep
@pytest.mark.parametrize("mapping", [HOME, SWAP], ids=["home", "swap"])
def test_killed_at_every_step(pair: Path, tmp_path: Path, mapping: PathMapping) -> None:
    before = files(pair / LIBRARY)
    after = [mapping.apply(path) for path in before]
    ends = []
    step = 1
    while killed_at(step, directory := Path(shutil.copytree(pair, tmp_path / f"step{step}")), mapping):
        library = directory / LIBRARY
        assert check(directory).problems == []
        ends.append(files(library) == after)
        assert files(library) in (before, after)
        # The next run goes on from there as if nothing had been, and leaves nothing of the killed one.
        assert remap(directory, mapping, directory / "backups").changed is not ends[-1]
        assert files(library) == after
        assert names(directory) == [LIBRARY]
        assert check(directory).problems == []
        backups = [files(path) for path in (directory / "backups").iterdir()]
        assert backups == [before] * max(1, len(backups))
        shutil.rmtree(directory)
        step += 1
    assert set(ends) == {False, True}
    assert step > 50


def test_the_leftover_of_a_killed_change_is_removed(pair: Path, tmp_path: Path) -> None:
    leftover = pair / f".{LIBRARY}.changing"
    leftover.write_bytes(b"half a copy")
    leftover.with_name(f"{leftover.name}-wal").write_bytes(b"a log")
    assert remap(pair, HOME, tmp_path / "backups").changed
    assert names(pair) == [LIBRARY]
    leftover.write_bytes(b"half a copy")
    assert not remap(pair, HOME, tmp_path / "backups").changed
    assert names(pair) == [LIBRARY]


def test_the_log_of_a_server_that_starts_at_once_is_not_touched(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = pair / f"{LIBRARY}-wal"

    def started(copy: Path, library: Path, backup: Path) -> None:
        take_place(copy, library, backup)
        log.write_bytes(b"the log of a server that has opened the new library")

    monkeypatch.setattr(remap_room, "take_place", started)
    assert remap(pair, HOME, tmp_path / "backups").changed
    # Our connection to the old file is closed by now, which must not remove what has the name of its log.
    assert log.read_bytes().startswith(b"the log")


def test_owner_mode_and_journal_stay(pair: Path, tmp_path: Path) -> None:
    library = pair / LIBRARY
    library.chmod(0o640)
    if os.getuid() == 0:
        os.chown(library, 1000, 1001)
    before, journal = library.stat(), query(library, "PRAGMA journal_mode")
    outcome = remap(pair, HOME, tmp_path / "backups")
    after = library.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino
    assert query(library, "PRAGMA journal_mode") == journal
    backup = Path(outcome.backup)
    assert backup.stat().st_ino == before.st_ino
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_backup_on_another_disk_is_a_copy(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    outcome = remap(pair, HOME, tmp_path / "backups")
    assert moved(pair / LIBRARY)
    assert not moved(Path(outcome.backup))
    assert Path(outcome.backup).stat().st_mode & 0o777 == 0o600
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_a_copy_that_fails_is_told_in_its_words(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "bin" / "cp"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'cp: No space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    with pytest.raises(PlexDatabaseError, match=r"could not be copied to .*: cp: No space left on device"):
        remap(pair, HOME, tmp_path / "backups")
    assert not moved(pair / LIBRARY)
    assert names(pair) == [LIBRARY]


def test_a_library_that_is_exchanged_under_us_is_begun_anew(
    pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Path(shutil.copy(pair / LIBRARY, tmp_path / "other.db"))
    execute(other, "INSERT INTO library_sections (name, section_type) VALUES ('Late', 8)")

    @contextmanager
    def exchanged(path: Path, timeout: float) -> Iterator[sqlite3.Connection]:
        with writing(path, timeout) as connection:
            if other.exists():
                other.replace(path)
            yield connection

    monkeypatch.setattr(database_swap, "writing", exchanged)
    outcome = remap(pair, HOME, tmp_path / "backups")
    assert moved(pair / LIBRARY)
    for library in (pair / LIBRARY, Path(outcome.backup)):
        assert query(library, "SELECT count(*) FROM library_sections WHERE name = 'Late'") == [(1,)]


def remap_on_a_full_disk(directory: Path) -> None:
    size = (directory / LIBRARY).stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    longer = "/".join(["x" * 200] * 20)
    remap(directory, parse(f'{{"mappings": {{"/volume1/Media": "/{longer}"}}}}'), directory / "backups")


def test_a_disk_that_fills_up_leaves_the_library_as_it_was(pair: Path) -> None:
    execute(pair / LIBRARY, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = (pair / LIBRARY).read_bytes()
    process = multiprocessing.get_context("fork").Process(target=remap_on_a_full_disk, args=(pair,))
    process.start()
    process.join()
    assert process.exitcode == 1
    assert (pair / LIBRARY).read_bytes() == before
    assert names(pair) == [LIBRARY]
    assert not (pair / "backups").exists()
    assert check(pair).problems == []
