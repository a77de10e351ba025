"""A way to run modules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a module the way Ansible does and hand back what it printed."""

    def call(module: Any, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
        with patch_module_args({**arguments, "_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
            module.main()
        result: dict[str, Any] = json.loads(capsys.readouterr().out)
        return result

    return call
