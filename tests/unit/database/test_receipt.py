"""run_receipt: from what came home to a verdict and sentences a person can act on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from module_utils import census, snapshot
from module_utils.files import sha256
from plugins.modules import run_receipt
from tests.unit.database.builder import BLOBS, LIBRARY

Run = Callable[..., dict[str, Any]]
MARK = "UPDATE metadata_items SET extra_data = 'ms%3AmusicAnalysisVersion=1' WHERE metadata_type = 10"


class Home:
    """A run directory with a baseline, and a library that can be worked on before it comes home."""

    def __init__(self, run: Run, pair: Path, run_dir: Path) -> None:
        self.run, self.pair, self.run_dir = run, pair, run_dir
        run_dir.mkdir()
        (run_dir / "baseline.json").write_text(json.dumps(census.take(pair)))
        self.files: list[dict[str, Any]] = []

    def work(self, *statements: str) -> None:
        """Change the library as Plex could: without the triggers that need its tokenizer."""
        with closing(sqlite3.connect(self.pair / LIBRARY)) as connection:
            connection.create_collation("icu_root", lambda a, b: (a > b) - (a < b))
            triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (name,) in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def come(self) -> None:
        manifest, _ = snapshot.take(self.pair, self.run_dir / "export")
        self.files = manifest["files"]

    def receipt(self, *sections: str, **options: Any) -> dict[str, Any]:
        return self.run(run_receipt, run_dir=self.run_dir, manifest=self.files, sections=list(sections), **options)


@pytest.fixture
def home(run: Run, pair: Path, tmp_path: Path) -> Home:
    return Home(run, pair, tmp_path / "20261122T120000Z-1a2b")


def test_done(home: Home) -> None:
    home.work(MARK)
    home.come()
    result = home.receipt("Music")
    receipt = result["receipt"]
    assert (result["changed"], receipt["verdict"], receipt["analysed_gained"]) == (True, "done", 8)
    assert receipt["sentences"] == [
        "Movies: untouched.",
        "Music: 12 of 12 tracks analysed (+8).",
        "Everything that was asked for is done, nothing was lost.",
    ]
    assert (receipt["run_id"], receipt["disturbed"], receipt["lost_items"]) == ("20261122T120000Z-1a2b", [], 0)
    assert json.loads((home.run_dir / "receipt.json").read_text()) == receipt
    assert (home.run_dir / "receipt.json").stat().st_mode & 0o777 == 0o600
    again = home.receipt("Music")
    assert (again["changed"], again["receipt"]) == (False, receipt)


def test_check_mode_writes_nothing(home: Home) -> None:
    home.come()
    assert home.receipt("Music", check_mode=True)["changed"]
    assert not (home.run_dir / "receipt.json").exists()


def test_partial(home: Home) -> None:
    home.come()
    result = home.receipt("Music")
    assert (result.get("failed"), result["receipt"]["verdict"]) == (None, "partial")
    assert result["receipt"]["sentences"][1] == "Music: 4 of 12 tracks analysed (+0)."
    assert "8 tracks are still to be analysed" in result["receipt"]["sentences"][-1]


def test_movies_alone_need_no_analysis(home: Home) -> None:
    home.come()
    assert home.receipt("Movies")["receipt"]["verdict"] == "done"


LOSSES = [
    (("DELETE FROM metadata_items WHERE title = 'Artist 0/Album 0/2'",), "Music: LOST 1 tracks"),
    (("UPDATE metadata_items SET deleted_at = 1 WHERE title = 'Movie 0'",), "LOST 1 movies; marked as deleted"),
    (("UPDATE metadata_items SET extra_data = '' WHERE metadata_type = 10",), "0 of 12 tracks analysed (-4)"),
    (("DELETE FROM metadata_items WHERE title = 'Movie 0'",), "LOST 1 movies; although it was not selected"),
    (("DELETE FROM library_sections WHERE name = 'Movies'",), "Movies: the section itself is gone."),
]


@pytest.mark.parametrize(("statements", "words"), LOSSES)
def test_lost(home: Home, statements: tuple[str, ...], words: str) -> None:
    home.work(*statements)
    home.come()
    result = home.receipt("Music")
    assert (result["failed"], result["receipt"]["verdict"]) == (True, "lost")
    assert words in result["msg"]
    assert result["msg"].endswith(f"See {home.run_dir}/receipt.json.")
    assert json.loads((home.run_dir / "receipt.json").read_text())["verdict"] == "lost"


def test_growth_nobody_asked_for_is_told(home: Home) -> None:
    home.work(MARK, "INSERT INTO metadata_items (library_section_id, metadata_type, title) VALUES (1, 1, 'Movie 9')")
    home.come()
    receipt = home.receipt("Music")["receipt"]
    assert (receipt["verdict"], receipt["disturbed"]) == ("done", ["Movies"])
    assert "Movies: 1 movies added; although it was not selected." in receipt["sentences"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1024])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-600] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("name", [LIBRARY, BLOBS])
@pytest.mark.parametrize(
    ("damage", "words"),
    [(cut, "sent were"), (flip, "another sha256"), (Path.unlink, "did not arrive")],
    ids=["cut", "flipped", "missing"],
)
def test_damaged_on_the_way(home: Home, name: str, damage: Callable[[Path], None], words: str) -> None:
    home.come()
    damage(home.run_dir / "export" / name)
    result = home.receipt("Music")
    assert (result["failed"], result["receipt"]["verdict"]) == (True, "damaged")
    assert words in result["msg"]
    assert name in result["msg"]
    assert json.loads((home.run_dir / "receipt.json").read_text())["verdict"] == "damaged"


def test_damaged_before_it_was_sent(home: Home) -> None:
    home.come()
    library = home.run_dir / "export" / LIBRARY
    data = bytearray(library.read_bytes())
    data[3 * 1024 : 4 * 1024] = bytes(1024)
    library.write_bytes(data)
    home.files[0]["sha256"] = sha256(library)
    result = home.receipt("Music")
    assert (result["failed"], result["receipt"]["verdict"]) == (True, "damaged")


def test_a_file_that_was_not_sent(home: Home) -> None:
    home.come()
    del home.files[1]
    assert f"{BLOBS} is not in the list of files that were sent" in home.receipt()["msg"]


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_no_baseline(home: Home, text: str | None) -> None:
    home.come()
    (home.run_dir / "baseline.json").unlink()
    if text is not None:
        (home.run_dir / "baseline.json").write_text(text)
    assert "baseline.json holds no census: the stage restore writes it" in home.receipt()["msg"]


def test_what_became_of_the_trash_is_told(home: Home) -> None:
    trash = {
        "5": {"section": 5, "title": "Music", "verdict": "kept", "message": "the trash stays, because the mount hangs"},
        "all": {"section": "all", "title": "", "verdict": "kept", "message": "the trash stays, because nobody answers"},
    }
    (home.run_dir / "ledger.json").write_text(json.dumps({"results": {"trash": trash}}))
    home.come()
    receipt = home.receipt("Music")["receipt"]
    assert receipt["sentences"][:2] == [
        "Music: the trash stays, because the mount hangs.",
        "The trash stays, because nobody answers.",
    ]
    assert receipt["trash"] == trash


def test_what_happened_to_the_mount_is_in_it(home: Home) -> None:
    windows = [{"from": 10.0, "to": 12.0, "cause": "the process of the mount ended", "workers": 1, "workers_ended": 1}]
    counts = {"freezes": 1, "repairs": 1, "workers_ended": 1}
    book = {"results": {"guard": {"state": "healthy", "counts": counts, "windows": windows}}}
    (home.run_dir / "ledger.json").write_text(json.dumps(book))
    home.come()
    told = "Plex stood still once, 2 s in all, 1 repair of the mount (the process of the mount ended)"
    assert home.receipt("Music")["receipt"]["mount"] == {"counts": counts, "windows": windows, "told": told}


def test_how_it_arrived_and_how_long_it_took(home: Home) -> None:
    arrival = {
        "archive": "ab" * 32,
        "checked": "in full before renting, the same bytes on the target",
        "checksums": {LIBRARY: "cd" * 32},
        "plex_sqlite": {"state": "absent", "why": "there is no docker here", "warnings": []},
        "parity": {"state": "same", "sentence": ""},
        "drift": {"counts": {"moved": 3, "gone": 1, "would_delete": 4}},
    }
    stages = [{"stage": name, "seconds": 1.5} for name in ("preflight", "restore", "export")] + [{"stage": "scan"}]
    (home.run_dir / "arrival.json").write_text(json.dumps(arrival))
    (home.run_dir / "ledger.json").write_text(json.dumps({"stages": stages}))
    home.work(MARK)
    home.come()
    receipt = home.receipt("Music")["receipt"]
    checked, drifted = receipt["sentences"][:2]
    assert checked.startswith("The library was checked in full before renting, the same bytes on the target, not by")
    assert checked.endswith("not by Plex's own SQLite (there is no docker here).")
    assert drifted == "Before the scan 3 files had moved and 1 were gone from where it had them."
    assert (receipt["archive_sha256"], receipt["seconds"]) == ("ab" * 32, {"preflight": 1.5, "restore": 1.5})
    assert receipt["versions"] == {
        "parity": "same", "home": "", "migrations": {"library": 40, "blobs": 40}, "newest_migration": "20200101000039",
    }  # fmt: skip
    assert receipt["breaker"] == {"tripped": False, "sections": {}}
    (home.run_dir / "ledger.json").write_text(json.dumps({"stages": [*stages, {"stage": "export", "seconds": 9}]}))
    assert not home.receipt("Music")["changed"]


def test_what_is_gone_for_good_is_marked_and_no_loss(home: Home) -> None:
    home.work("UPDATE metadata_items SET deleted_at = 1 WHERE title = 'Artist 1/Album 0/2'")
    home.come()
    receipt = home.receipt("Music")["receipt"]
    assert (receipt["verdict"], receipt["lost_items"], receipt["marked_items"]) == ("partial", 0, 1)
    assert "marked as deleted: 1 tracks" in receipt["sentences"][1]
    assert receipt["breaker"]["sections"]["Music"] == {
        "lost": 0, "marked": 1, "analyses_lost": 0, "passes_limit": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("trash", "verdict"),
    [
        (
            {"section": 2, "verdict": "emptied", "items": 1, "title": "Music", "message": "the trash was emptied"},
            "partial",
        ),
        ({"section": 2, "verdict": "kept", "items": 1, "title": "Music", "message": "the trash stays"}, "lost"),
        (
            {"section": 1, "verdict": "emptied", "items": 1, "title": "Movies", "message": "the trash was emptied"},
            "lost",
        ),
        (
            {"section": 2, "verdict": "emptied", "items": 0, "title": "Music", "message": "the trash was emptied"},
            "lost",
        ),
    ],
)
def test_what_the_trash_gave_up_on_request_is_no_loss(home: Home, trash: dict[str, Any], verdict: str) -> None:
    home.work("DELETE FROM metadata_items WHERE title = 'Artist 1/Album 0/2'")
    home.come()
    (home.run_dir / "ledger.json").write_text(json.dumps({"results": {"trash": {str(trash["section"]): trash}}}))
    assert home.receipt("Music")["receipt"]["verdict"] == verdict


@pytest.mark.parametrize(("movies", "verdict"), [(30, "lost"), (20, "done")])
def test_more_marked_than_the_breaker_allows_is_a_loss(home: Home, movies: int, verdict: str) -> None:
    insert = "INSERT INTO metadata_items (id, library_section_id, metadata_type) VALUES ({}, 1, 1)"
    home.work(*[insert.format(9000 + number) for number in range(40)])
    (home.run_dir / "baseline.json").write_text(json.dumps(census.take(home.pair)))
    home.work(f"UPDATE metadata_items SET deleted_at = 1 WHERE id BETWEEN 9000 AND {8999 + movies}")
    home.come()
    receipt = home.receipt("Movies")["receipt"]
    assert receipt["verdict"] == verdict
    if verdict == "done":
        assert receipt["sentences"][-1].endswith("20 items whose files are gone are within the limit.")


@pytest.mark.parametrize(("movies", "tripped"), [(30, True), (1, False)])
def test_the_breaker_has_a_verdict(home: Home, movies: int, tripped: bool) -> None:
    insert = "INSERT INTO metadata_items (id, library_section_id, metadata_type) VALUES ({}, 1, 1)"
    more = [insert.format(9000 + number) for number in range(40)]
    home.work(*more)
    (home.run_dir / "baseline.json").write_text(json.dumps(census.take(home.pair)))
    home.work(f"DELETE FROM metadata_items WHERE id BETWEEN 9000 AND {8999 + movies}")
    home.come()
    breaker = home.receipt("Movies")["receipt"]["breaker"]
    assert breaker == {
        "tripped": tripped,
        "sections": {"Movies": {"lost": movies, "marked": 0, "analyses_lost": 0, "passes_limit": tripped}},
    }


def test_the_real_pair(run: Run, real_pair: Path, tmp_path: Path) -> None:
    home = Home(run, real_pair, tmp_path / "run")
    home.come()
    receipt = home.receipt("Movies", "TV Shows")["receipt"]
    assert (receipt["verdict"], receipt["lost_items"], receipt["disturbed"]) == ("done", 0, [])
