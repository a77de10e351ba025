"""A look-alike pair of databases for the commands that read archives, and the archive of it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from tests.unit.database.builder import Builder
from tests.unit.wrapper.theatre import Theatre


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path / "runs")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    builder = Builder(tmp_path / "Databases")
    builder.movies()
    builder.music()
    return builder.finish()


def packed(pair: Path, archive: Path) -> Path:
    """Pack a directory of databases where the server keeps them."""
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(pair, "Plug-in Support/Databases")
    return archive
