from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.plextv.serving import PlexTvProcess, serve


@pytest.fixture
def plex_tv(tmp_path: Path) -> Iterator[PlexTvProcess]:
    with serve(tmp_path) as process:
        yield process
