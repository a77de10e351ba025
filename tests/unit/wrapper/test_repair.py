"""`wrapper repair`: out of a damaged archive, or directory, a sound library; never at the cost of rows unasked."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from module_utils.database_header import REPAIR
from module_utils.integrity import check
from tests.unit.database.builder import BLOBS, LIBRARY, query
from tests.unit.database.test_repair import spoil
from tests.unit.wrapper.conftest import packed
from wrapper import cli


@pytest.mark.parametrize("kind", ["archive", "directory"])
def test_a_damaged_index_costs_nothing(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    rows = query(pair / LIBRARY, "SELECT * FROM media_parts NOT INDEXED ORDER BY id")
    spoil(pair / LIBRARY, "index_media_parts_on_file")
    damaged = (pair / LIBRARY).read_bytes()
    archive = packed(pair, tmp_path / "home.tar.gz") if kind == "archive" else pair
    # The command is the one that the check of a damaged library names, to the letter.
    assert cli.main(["verify", str(archive)]) == 1
    named = re.search(r"wrapper (repair) ARCHIVE --into DIRECTORY", capsys.readouterr().out)
    assert named
    assert named[0] in REPAIR
    assert cli.main([named[1], str(archive), "--into", str(tmp_path / "new")]) == 0
    told = capsys.readouterr().out
    assert f"verdict:    repaired; next: wrapper run --archive {tmp_path / 'new'}" in told
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted([LIBRARY, BLOBS])
    assert check(tmp_path / "new").problems == []
    assert query(tmp_path / "new" / LIBRARY, "SELECT * FROM media_parts NOT INDEXED ORDER BY id") == rows
    assert (pair / LIBRARY).read_bytes() == damaged
    assert cli.main(["verify", str(tmp_path / "new")]) == 0


def test_a_loss_is_refused_unless_it_is_accepted(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(pair / LIBRARY, "media_parts")
    words = ["repair", str(packed(pair, tmp_path / "home.tar.gz")), "--into", str(tmp_path / "new")]
    assert cli.main(words) == 1
    told = capsys.readouterr().out
    assert "--accept-loss" in told
    assert "NOT REPAIRED" in told
    assert not (tmp_path / "new").exists()
    assert not list(tmp_path.glob(".plex-burst*"))
    assert cli.main([*words, "--accept-loss", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["lost"]["media_parts"] > 0
    assert (tmp_path / "new" / LIBRARY).exists()


def test_what_is_no_sound_archive_can_be_repaired(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run refuses it by its first hundred bytes; it is no less worth a try."""
    with (pair / BLOBS).open("ab") as file:
        file.write(bytes(1024))
    archive = str(packed(pair, tmp_path / "home.tar.gz"))
    assert cli.main(["verify", archive]) == 1
    assert cli.main(["repair", archive, "--into", str(tmp_path / "new")]) == 0
    assert "is longer than it says" in capsys.readouterr().out
    assert check(tmp_path / "new").problems == []


def test_a_whole_one_is_only_unpacked(pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["repair", str(packed(pair, tmp_path / "a.tar.gz")), "--into", str(tmp_path / "new")]) == 0
    assert "whole already" in capsys.readouterr().out
    assert (tmp_path / "new" / LIBRARY).read_bytes() == (pair / LIBRARY).read_bytes()


@pytest.mark.parametrize("case", ["no archive", "text", "nothing left", "directory in use"])
def test_what_cannot_be_repaired(pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    archive, into, code = tmp_path / "a.tar.gz", tmp_path / "new", 1
    if case == "no archive":
        code = 2
    elif case == "text":
        archive.write_text("hello")
    elif case == "nothing left":
        (pair / LIBRARY).write_bytes(b"<html>" * 999)
        packed(pair, archive)
    else:
        packed(pair, archive)
        into, code = tmp_path, 2
    assert cli.main(["repair", str(archive), "--into", str(into)]) == code
    said = "".join(capsys.readouterr())
    assert str(archive) in said or str(into) in said
    assert "Traceback" not in said
    assert not (tmp_path / "new").exists()
