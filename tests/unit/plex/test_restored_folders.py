"""Which folders a scan is forced into: those of files that are marked as deleted although they are there."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule

from module_utils.restored_folders import Restored, choose
from plugins.modules import plex_restored_folders
from tests.unit.database.builder import Builder
from tests.unit.plex.conftest import RunModule

ROOTS = ["/media/Music", "/media/Music/Deep/Down", "/media/Films/"]
A, B, C = "/media/Music/A", "/media/Music/B", "/media/Music/C"


@pytest.mark.parametrize(
    ("files", "most", "folders", "left"),
    [
        ([], 20, [], 0),
        ([f"{A}/1/x.flac", f"{A}/1/y.flac"], 20, [f"{A}/1"], 0),
        ([f"{A}/1/x.flac", f"{A}/2/x.flac"], 20, [f"{A}/1", f"{A}/2"], 0),
        # Too many albums: their artists.
        ([f"{A}/1/x.flac", f"{A}/2/x.flac", f"{B}/1/x.flac"], 2, [A, B], 0),
        # Too many artists: nothing, rather than a library.
        ([f"{A}/1/x.flac", f"{B}/1/x.flac", f"{C}/x.flac"], 2, [], 3),
        # A folder is looked into with all that is below it.
        ([f"{A}/x.flac", f"{A}/1/x.flac", f"{A}/1/2/x.flac"], 20, [A], 0),
        # What begins with the same letters is another folder.
        ([f"{A}/x.flac", f"{A} side/x.flac"], 20, [A, f"{A} side"], 0),
        # Right in a root, in no location, in a folder that no request can name.
        (["/media/Music/x.flac", f"{A}/1/x.flac"], 20, [f"{A}/1"], 1),
        (["/elsewhere/1/x.flac"], 20, [], 1),
        ([f"{A}/\udcff/x.flac"], 20, [], 1),
        # The innermost location counts.
        (["/media/Music/Deep/Down/x.flac"], 20, [], 1),
        (["/media/Music/Deep/Down/E/x.flac", f"{A}/x.flac"], 20, [A, "/media/Music/Deep/Down/E"], 0),
        (["/media/Films/F %_'\"/f.mkv"], 20, ["/media/Films/F %_'\""], 0),
    ],
)
def test_folders_are_few_and_small(files: list[str], most: int, folders: list[str], left: int) -> None:
    assert choose(files, ROOTS, most) == Restored(folders, len(files) - left, left)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def look(tmp_path: Path, media: Path, run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[RunModule]:
    """A library with a file that is marked and there, one that is marked and gone, and one that is only there."""
    builder = Builder(tmp_path / "Databases")
    section = builder.section("Films", 1, str(media))
    for name, is_marked, is_there in (("back", True, True), ("gone", True, False), ("live", False, True)):
        file = media / name / "film.mkv"
        part = builder.part(section, builder.item(section, 1, name), 1, str(file))
        if is_marked:
            builder.library.execute("UPDATE media_parts SET deleted_at = 1700000000 WHERE id = ?", (part,))
        if is_there:
            file.parent.mkdir(parents=True)
            file.touch()
    builder.library.commit()
    # This process stands for the container: it sees the same files.
    says = [0, f'[{{"Id": "c", "State": {{"Status": "running", "Pid": {os.getpid()}}}}}]', ""]
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_: tuple(says))

    def call(**facts: t.Any) -> dict[str, t.Any]:
        if "docker" in facts:
            says[:] = facts.pop("docker")
        return run_module(plex_restored_folders, directory=str(tmp_path / "Databases"), section=section, **facts)

    yield call
    builder.library.close()
    builder.blobs.close()


def test_the_folder_of_a_marked_file_that_is_there_is_named(look: RunModule, media: Path) -> None:
    found = look()
    assert (found["folders"], found["files"], found["left"], found["changed"]) == ([str(media / "back")], 1, 0, False)
    assert found["message"] == "1 files are marked as deleted although they are there"


def test_what_no_folder_may_be_forced_for_is_counted(look: RunModule) -> None:
    found = look(most=0)
    assert (found["folders"], found["left"]) == ([], 1)
    assert found["message"].endswith("1 of them in no folder that a scan can be forced into")


@pytest.mark.parametrize(
    ("docker", "words"),
    [
        ((1, "", "Error: No such container: plex"), "The container plex is missing"),
        ((0, '[{"Id": "c", "State": {"Status": "paused", "Pid": 1}}]', ""), "The container plex is paused"),
    ],
)
def test_without_the_container_nobody_can_look(look: RunModule, docker: tuple[int, str, str], words: str) -> None:
    assert words in look(docker=docker)["msg"]


def test_a_mount_that_hangs_is_not_waited_for(look: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.module_utils.restored_folders.there", lambda *_: os.read(os.pipe()[0], 1))
    assert (
        look(patience=0.3)["msg"] == "The files that are marked as deleted could not be looked for: no answer in time."
    )


def test_a_library_that_is_none_is_one_sentence(look: RunModule, tmp_path: Path) -> None:
    (tmp_path / "Databases/com.plexapp.plugins.library.db").unlink()
    assert "does not exist" in look()["msg"]
