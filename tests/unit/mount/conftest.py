"""A guard whose container only remembers what it was told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

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


@pytest.fixture
def run_module(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a module's main() and return its result."""

    def run(module: Any, **arguments: Any) -> dict[str, Any]:
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        return dict(json.loads(capsys.readouterr().out))

    return run
