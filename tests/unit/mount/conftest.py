"""A guard whose container only remembers what it was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.guard import Guard, build

from .standing_in import SETTINGS, Plex


@pytest.fixture
def plex() -> Plex:
    return Plex()


@pytest.fixture
def guard(tmp_path: Path, plex: Plex, monkeypatch: pytest.MonkeyPatch) -> Guard:
    made = build({**SETTINGS, "directory": str(tmp_path)})
    made.container = made.docker.container = plex
    monkeypatch.setattr(made.mount, "settled", lambda: False)
    return made
