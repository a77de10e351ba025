"""The trash at the end of a run: emptied where the server itself says that the files are gone, else left as it is.

On this machine, as the phases' faults are (local_target.py).
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lab.plexsim.plexsim import schema
from module_utils import census, ledger
from tests.faults.home_library import inject
from tests.faults.local_target import Target, prepared

pytestmark = [pytest.mark.lab, pytest.mark.timeout(900)]

MOVIES, MUSIC = 1, 5
ALBUM = "Music/Aurora Lane/First Light"
IN_TRASH = "library_section_id = {} AND deleted_at > 0"


@pytest.fixture(scope="module")
def aside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an album is while it is gone."""
    return tmp_path_factory.mktemp("aside") / "album"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory, aside: Path) -> Iterator[Target]:
    """A server that has scanned its library, of which a film and an album were not there. The tests share it in order.

    The count from before is taken with the marks in it, as it is when they come from home.
    """
    with prepared(tmp_path_factory.mktemp("trash"), "trash", inject) as target:
        media = target.base / "mnt/library"
        shutil.rmtree(next(path for path in (media / "Movies").iterdir() if path.is_dir()))
        shutil.move(media / ALBUM, aside)
        target.new_run()
        target.play("plex")
        target.play("scan", section="", plex_scan_analyse=False)
        baseline = census.take(target.home / schema.DATABASES)
        (target.run_dir / "baseline.json").write_text(json.dumps(baseline), encoding="utf-8")
        yield target


def rows(target: Target, table: str, where: str = "1") -> set[int]:
    """The numbers of rows, as the database has them, whether the server runs or not."""
    with closing(sqlite3.connect(target.home / schema.DATABASES / schema.LIBRARY, timeout=20)) as library:
        return {key for (key,) in library.execute(f"SELECT id FROM {table} WHERE {where}")}


def export(target: Target) -> str:
    """Play the export with the trash to be emptied; what it said."""
    places: dict[str, Any] = {
        "plex_db_export_dir": str(target.base / "export"),
        "plex_db_export_checkpoints_dir": str(target.base / "checkpoints"),
        # A backup that is not due is taken all the same.
        "burst_checkpoint_interval": 0,
    }
    return " ".join(target.play("export", section="", burst_empty_trash=True, **places).split())


def test_a_scan_marks_what_is_not_there_and_removes_nothing(marked: Target) -> None:
    assert [len(rows(marked, "metadata_items", IN_TRASH.format(key))) > 0 for key in (MOVIES, MUSIC)] == [True, True]
    assert "trash" not in ledger.read(marked.run_dir)["results"]


def test_a_film_that_is_gone_is_removed_and_an_album_that_is_back_stays(marked: Target, aside: Path) -> None:
    shutil.move(aside, marked.base / "mnt/library" / ALBUM)
    films = rows(marked, "metadata_items", IN_TRASH.format(MOVIES))
    media = f"SELECT id FROM media_items WHERE library_section_id = {MOVIES}"
    files = rows(marked, "media_parts", f"deleted_at > 0 AND media_item_id IN ({media})")
    everything = rows(marked, "metadata_items"), rows(marked, "media_parts")

    printed = export(marked)

    told = ledger.read(marked.run_dir)["results"]["trash"]
    movies, music = told[str(MOVIES)], told[str(MUSIC)]
    assert (movies["verdict"], music["verdict"]) == ("emptied", "kept"), told
    assert rows(marked, "metadata_items") == everything[0] - films
    assert rows(marked, "media_parts") == everything[1] - files
    assert "because the server sees 5 of" in music["message"]
    assert f"Music: {music['message']}" in printed
    (backup,) = (path for path in (marked.run_dir / "checkpoints").iterdir() if path.is_dir())
    assert movies["message"].endswith(f"and nothing else; the databases from before are in {backup}")
    assert (backup / "manifest.json").exists()
    sentences = json.loads((marked.run_dir / "receipt.json").read_text(encoding="utf-8"))["sentences"]
    assert {f"Movies: {movies['message']}.", f"Music: {music['message']}."} <= set(sentences)
