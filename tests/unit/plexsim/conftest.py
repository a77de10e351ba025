from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.plexsim.plexsim import schema


@pytest.fixture(scope="session")
def fresh_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Put two empty databases into a directory: made once, copied for each test."""
    model = tmp_path_factory.mktemp("model")
    schema.create_library(model)

    def put(directory: Path) -> None:
        shutil.copytree(model, directory, dirs_exist_ok=True)

    return put
