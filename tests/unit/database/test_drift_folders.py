"""The folders of what drifted, and only these, lose their times, so that an ordinary scan looks into them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from module_utils.drift import Drift
from module_utils.drift_folders import below, folders, forget_times
from plugins.modules import plex_db_drift
from tests.unit.database.builder import LIBRARY, execute, query
from tests.unit.database.test_drift import on_disk

LOCATIONS = ["/m/Music", "/m/More Music/"]
TIMES = """SELECT path, updated_at FROM directories
WHERE library_section_id = (SELECT id FROM library_sections WHERE name = ?)"""


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (Drift(unchanged=3), set()),
        (Drift(new=["/m/Music/A/x.flac"]), {"/m", "/m/Music", "/m/Music/A"}),
        (Drift(gone=["/m/a.flac"], resized=["/n/b.flac"]), {"/m", "/n"}),
        (Drift(moved={"/m/A/x.flac": "/m/B/x.flac"}), {"/m", "/m/A", "/m/B"}),
    ],
)
def test_which_folders(drift: Drift, expected: set[str]) -> None:
    assert folders(drift) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"/m", "/m/Music", "/m/Music/A"}, {"", "A"}),
        ({"/m/More Music/A/B"}, {"A/B"}),
        ({"/m/Music 2/A"}, set()),
        (set(), set()),
    ],
)
def test_relative_to_their_location(found: set[str], expected: set[str]) -> None:
    assert below(found, LOCATIONS) == expected


@pytest.mark.parametrize(("stored", "forgotten"), [(946_684_800, 0), ("2000-01-01 00:00:00", "1970-01-01 00:00:00")])
def test_times_are_forgotten_in_the_librarys_own_spelling(pair: Path, stored: object, forgotten: object) -> None:
    execute(pair / LIBRARY, "UPDATE directories SET updated_at = ?", stored)
    album = "/volume1/Media/Music/Artist 1/Album 0"
    wanted = folders(Drift(new=[f"{album}/new.flac", "/volume1/Media/Music/Artist '%_9\udcff/x.flac"]))
    assert forget_times(pair, wanted) == 3
    times = dict(query(pair / LIBRARY, TIMES, "Music"))
    assert {path for path, at in times.items() if at == forgotten} == {"", "Artist 1", "Artist 1/Album 0"}
    assert {at for path, at in times.items() if at != forgotten} == {stored}
    assert query(pair / LIBRARY, TIMES, "Movies") == [("", stored)]
    assert forget_times(pair, wanted) == 0, "once is enough"


def test_the_module_changes_a_library_only_when_it_is_asked_to(
    run: Callable[..., dict[str, Any]], pair: Path, tmp_path: Path
) -> None:
    execute(pair / LIBRARY, "UPDATE directories SET updated_at = 946684800")
    on_disk(pair, tmp_path / "mnt")
    options = {"directory": pair, "media_in_plex": "/volume1/Media", "media_mount": tmp_path / "mnt"}
    assert run(plex_db_drift, **options, look_again=True)["changed"] is False, "nothing drifted"
    (tmp_path / "mnt" / "Movies" / "New (2002).mkv").write_bytes(b"x")
    assert run(plex_db_drift, **options)["changed"] is False
    assert run(plex_db_drift, **options, look_again=True, check_mode=True)["changed"] is True
    assert query(pair / LIBRARY, TIMES, "Movies") == [("", 946_684_800)]
    assert run(plex_db_drift, **options, look_again=True)["changed"] is True
    assert query(pair / LIBRARY, TIMES, "Movies") == [("", 0)]
    assert run(plex_db_drift, **options, look_again=True)["changed"] is False
