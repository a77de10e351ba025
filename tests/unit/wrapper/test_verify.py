"""`wrapper verify`: any archive, on any machine, said to be whole or not, with an exit code that says it too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from module_utils.files import sha256
from tests.unit.database.builder import BLOBS, LIBRARY, copy_real
from tests.unit.wrapper.conftest import packed
from wrapper import cli


def test_a_whole_archive(pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = packed(pair, tmp_path / "it's a % library.tar.gz")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = archive.read_bytes()
    assert cli.main(["verify", str(archive), "--scratch", str(scratch)]) == 0
    told = capsys.readouterr().out
    assert f"sha256:     {sha256(archive)}\n" in told
    assert "section:    Music: 2 artists, 4 albums, 12 tracks, 4 analysed\n" in told
    assert told.endswith("verdict:    whole\n")
    assert (archive.read_bytes(), list(scratch.iterdir())) == (before, [])


def test_json(pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(packed(pair, tmp_path / "a.tar.gz")), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["checksums"] == {name: sha256(pair / name) for name in (LIBRARY, BLOBS)}
    assert (facts["problems"], facts["kind"], facts["census"]["vector_blobs"]) == ([], "tar.gz", 4)


@pytest.mark.parametrize("place", ["beside", "above"])
def test_checksums_of_the_run_that_brought_it_home(
    pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    files = [{"name": name, "size": 1, "sha256": sha256(pair / name)} for name in (LIBRARY, BLOBS)]
    promise = pair / "manifest.json" if place == "beside" else pair.parent / "receipt.json"
    promise.write_text(json.dumps({"files": files}))
    assert cli.main(["verify", str(pair)]) == 0
    files[1]["sha256"] = "0" * 64
    promise.write_text(json.dumps({"files": files}))
    assert cli.main(["verify", str(pair)]) == 1
    assert f"{BLOBS} has another sha256 than {promise} promises." in capsys.readouterr().out


def test_not_whole(pair: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = bytearray((pair / LIBRARY).read_bytes())
    data[20 * 1024 : 21 * 1024] = bytes(1024)
    (pair / LIBRARY).write_bytes(data)
    assert cli.main(["verify", str(packed(pair, tmp_path / "a.tar.gz"))]) == 1
    told = capsys.readouterr().out
    assert f"{LIBRARY}: " in told.split("problem:")[1]
    assert told.endswith("verdict:    NOT WHOLE\n")
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes((tmp_path / "a.tar.gz").read_bytes()[:-500])
    assert cli.main(["verify", str(cut)]) == 1
    assert "is truncated" in capsys.readouterr().out


def test_bad_input(tmp_path: Path, pair: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["verify", str(tmp_path / "none.tar.gz")]) == 2
    assert "There is no archive at" in capsys.readouterr().err
    assert cli.main(["verify", str(pair), "--scratch", str(tmp_path / "none")]) == 2
    assert "does not exist; make it" in capsys.readouterr().err


def test_versions_are_compared_when_one_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = copy_real(tmp_path / "Real" / "Databases")
    assert cli.main(["verify", str(real), "--plex-version", "1.43.3.10861-07dfddaeb"]) == 0
    assert "warning:    The rented Plex 1.43.3.10861-07dfddaeb is newer than home's" in capsys.readouterr().out
    shutil.rmtree(real)
