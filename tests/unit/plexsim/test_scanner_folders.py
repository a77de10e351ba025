"""Libraries of several folders, and libraries that change while they are scanned."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.plexsim.plexsim import rows, schema, trash
from lab.plexsim.plexsim.directories import Directories
from lab.plexsim.plexsim.scanner import Scan
from module_utils.drift_folders import folders, forget_times
from module_utils.drift_report import look

SECTION = 5
FOLDERS = ("Here", "There")
FILES = ("Here/Abba/Arrival/1-01 My Love.mp3", "Here/Abba/Arrival/1-02 Dancing.mp3", "There/Björk/Début/1-01 Human.mp3")
NOBODY = "nobody's"
Change = Callable[[Path], None]


@dataclass
class Library:
    """Folders on the disk and a section that has them, and a clock that every change of a folder moves on."""

    disk: Path
    rows: sqlite3.Connection
    clock: int = 1_000
    steps: int = field(default=0, init=False)

    def add(self, path: str) -> None:
        file = self.disk / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(path.encode())
        self.settle()

    def settle(self) -> None:
        """Give every folder that changed just now a time of its own: scanners compare whole seconds."""
        self.clock += 10
        for folder, _, _ in os.walk(self.disk):
            if Path(folder).stat().st_mtime > 1_000_000:
                os.utime(folder, (self.clock, self.clock))

    def scan(
        self, folder: str = "", *, force: bool = False, change: Change | None = None, at: int = 0
    ) -> dict[str, int]:
        """Scan; behind the scanner's back, as it comes to its so many-th directory, make a change."""
        self.steps = 0

        def report(_percent: int, _subtitle: str) -> None:
            self.steps += 1
            if change and self.steps == at:
                change(self.disk)
                self.settle()

        path = str(self.disk / folder) if folder else ""
        return Scan(self.rows, SECTION, force=force, folder=path, now=self.clock, report=report).run()

    def found(self) -> set[str]:
        """The live files, as the database tells them: with live media and items above, each of them once."""
        parts = self.rows.execute(
            "SELECT p.file FROM media_parts p JOIN media_items m ON m.id = p.media_item_id"
            " JOIN metadata_items i ON i.id = m.metadata_item_id"
            " WHERE p.deleted_at IS NULL AND m.deleted_at IS NULL AND i.deleted_at IS NULL"
        ).fetchall()
        files = {str(Path(file).relative_to(self.disk)) for (file,) in parts}
        assert len(parts) == len(files)
        return files

    def there(self) -> set[str]:
        """The files of the disk."""
        return {str(path.relative_to(self.disk)) for path in self.disk.rglob("*.mp3")}

    def tree(self) -> list[tuple[str, str]]:
        """The live directories: the location that a file in or below it says, and the path."""
        sections = self.rows.execute(
            "SELECT d.path, (SELECT l.root_path FROM media_parts p JOIN media_items m ON m.id = p.media_item_id"
            "   JOIN section_locations l ON l.id = m.section_location_id WHERE p.directory_id = d.id) AS root"
            " FROM directories d WHERE d.deleted_at IS NULL ORDER BY d.id"
        ).fetchall()
        return [(Path(root or NOBODY).name, path) for path, root in sections]


@pytest.fixture
def library(tmp_path: Path, fresh_library: Callable[[Path], None]) -> Iterator[Library]:
    fresh_library(tmp_path / "databases")
    with closing(schema.connect(tmp_path / "databases" / schema.LIBRARY)) as connection:
        library = Library(tmp_path / "disk", connection)
        for path in FILES:
            library.add(path)
        with schema.transaction(connection):
            folders = [str(library.disk / folder) for folder in FOLDERS]
            rows.add_section(connection, name="Music", section_type=8, locations=folders, now=1, section_id=SECTION)
        yield library


def roots(library: Library) -> list[int]:
    found = library.rows.execute("SELECT id FROM directories WHERE path = '' AND parent_directory_id IS NULL")
    return [key for (key,) in found]


def test_every_location_has_a_root_of_its_own(library: Library) -> None:
    """As in the database of 1.32.8: a row with an empty path for each location, the rest relative to it."""
    assert library.scan()["added"] == 3
    assert library.tree() == [
        (NOBODY, ""), (NOBODY, ""),
        (NOBODY, "Abba"), ("Here", "Abba/Arrival"), (NOBODY, "Björk"), ("There", "Björk/Début"),
    ]  # fmt: skip
    assert library.scan() == {"directories": 6, "skipped": 6, "added": 0, "updated": 0, "deleted": 0}
    library.add("There/Abba/Arrival/1-03 Same Name.mp3")
    assert library.scan()["added"] == 1
    assert library.found() == library.there()
    assert len(roots(library)) == 2


def made_up_times(library: Library) -> None:
    """As a mount of S3 has them: every folder has the same time, whatever happens in it."""
    for folder, _, _ in os.walk(library.disk):
        os.utime(folder, (1_000, 1_000))


def test_what_drifted_below_made_up_times_is_found_by_an_ordinary_scan(library: Library, tmp_path: Path) -> None:
    made_up_times(library)
    library.scan()
    moved = library.disk / "Here/Abba/Arrival/1-02 Dancing.mp3"
    moved.rename(library.disk / "There/1-02 Dancing.mp3")
    (library.disk / "Here/Abba/Arrival/1-03 New.mp3").write_bytes(b"new")
    (library.disk / "There/Björk/Post").mkdir()
    (library.disk / "There/Björk/Post/1-01 Army.mp3").write_bytes(b"newer")
    made_up_times(library)
    before = library.found()
    counts = library.scan()
    assert (counts["directories"], counts["skipped"], library.found()) == (6, 6, before), "it sees nothing of this"
    drift, _ = look(tmp_path / "databases", ["Music"], str(library.disk), str(library.disk))
    assert forget_times(tmp_path / "databases", folders(drift)) == 5
    assert library.scan()["skipped"] == 1, "what stayed as it was is passed over"
    assert library.found() == library.there()
    assert library.scan()["skipped"] == 7


def test_locations_without_files_do_not_take_the_root_of_another(library: Library) -> None:
    for folder in FOLDERS:
        shutil.rmtree(library.disk / folder)
        (library.disk / folder).mkdir()
        os.utime(library.disk / folder, (1_000, 1_000))  # both alike, so that a shared row would hide what comes
    library.scan()
    known = roots(library)
    library.add("There/Björk/Début/1-01 Human.mp3")
    library.scan()
    library.add("Here/Abba/Arrival/1-01 My Love.mp3")
    library.scan()
    assert (library.found(), roots(library)) == (library.there(), known)


def test_a_location_that_stays_keeps_its_root_when_another_goes_or_comes(library: Library) -> None:
    """Which root is whose is told by the files, not by the order of rows."""
    library.scan()
    first, second = roots(library)
    here, there = (str(library.disk / folder) for folder in FOLDERS)
    for wanted in ([there], [there, here]):
        with schema.transaction(library.rows):
            rows.set_locations(library.rows, SECTION, wanted, 1)
        counts = library.scan()
        assert (counts["deleted"], counts["skipped"]) == (0, 3)
        assert "Björk" in {row["path"] for row in Directories(library.rows, SECTION, 1).children(second)}
    assert library.found() == library.there()
    known = roots(library)
    assert known[:2] == [first, second]
    assert (library.scan()["skipped"], roots(library)) == (6, known)
    used, there_are = (
        {key for (key,) in library.rows.execute(f"SELECT {column} FROM {table}")}
        for column, table in (("section_location_id", "media_items"), ("id", "section_locations"))
    )
    assert used == there_are


def test_one_location_is_offline_and_the_other_is_scanned(library: Library) -> None:
    library.scan()
    (library.disk / "Here").rename(library.disk / "away")
    library.add("There/Björk/Début/1-02 Crying.mp3")
    counts = library.scan(force=True)
    assert (counts["added"], counts["deleted"]) == (1, 0)
    (library.disk / "away").rename(library.disk / "Here")
    assert library.scan()["added"] == 0
    assert library.found() == library.there()


def test_a_folder_of_the_second_location_is_scanned_alone(library: Library) -> None:
    library.scan()
    library.add("There/Björk/Post/1-01 Hyperballad.mp3")
    library.add("Here/Abba/Waterloo/1-01 Hasta.mp3")
    assert library.scan("There/Björk")["added"] == 1
    assert library.there() - library.found() == {"Here/Abba/Waterloo/1-01 Hasta.mp3"}


def added_file(disk: Path) -> None:
    (disk / "Here/Abba/Arrival/1-03 Money.mp3").write_bytes(b"new")


def added_artist(disk: Path) -> None:
    (disk / "There/Cher/Believe").mkdir(parents=True)
    (disk / "There/Cher/Believe/1-01 Strong.mp3").write_bytes(b"new")


def lost_file(disk: Path) -> None:
    (disk / "Here/Abba/Arrival/1-02 Dancing.mp3").unlink()


def lost_artist(disk: Path) -> None:
    shutil.rmtree(disk / "There/Björk")


def moved_album(disk: Path) -> None:
    (disk / "Here/Abba/Arrival").rename(disk / "There/Arrival")


@pytest.mark.deep
@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("at", range(1, 7))
@pytest.mark.parametrize("change", [added_file, added_artist, lost_file, lost_artist, moved_album])
def test_a_library_that_changes_while_it_is_scanned(library: Library, change: Change, at: int, force: bool) -> None:
    """Whenever it happens: the scan ends, the next one tells the library as it is, each file once."""
    if force:
        library.scan()
    library.scan(force=force, change=change, at=at)
    assert library.steps >= at
    library.scan()
    assert library.found() == library.there()
    assert library.scan()["skipped"] == library.steps
    with schema.transaction(library.rows):
        trash.empty(library.rows, SECTION)
    library.scan()
    assert library.found() == library.there()
