"""A look-alike pair of databases, and a copy of a real pair if there is one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.modules import plex_db_remap
from tests.unit.database.builder import Builder, copy_real


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, because hundreds of tests want one."""
    builder = Builder(tmp_path_factory.mktemp("built") / "Databases")
    builder.movies()
    builder.music()
    return builder.finish()


@pytest.fixture
def pair(tmp_path: Path, built: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "Databases"))


@pytest.fixture
def real_pair(tmp_path: Path) -> Path:
    return copy_real(tmp_path / "Real" / "Databases")


@pytest.fixture(params=["look-alike", "real 1.32.8"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Each test that takes this runs over both kinds of databases."""
    if request.param == "look-alike":
        pair: Path = request.getfixturevalue("pair")
        return pair
    return copy_real(tmp_path / "Real" / "Databases")


@pytest.fixture
def remapped(run: Callable[..., dict[str, Any]], tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Write a mappings file and call plex_db_remap with it."""

    def call(directory: Path, rules: Any, **options: Any) -> dict[str, Any]:
        file = tmp_path / "path_mappings.json"
        file.write_text(rules if isinstance(rules, str) else json.dumps({"_comment": "lab", "mappings": rules}))
        backups = options.pop("backup_dir", tmp_path / "backups")
        return run(plex_db_remap, directory=directory, mappings=file, backup_dir=backups, **options)

    return call
