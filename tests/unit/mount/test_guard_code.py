"""The guard's code is on the machine as a package that needs nothing else, whatever was there before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plugins.modules import mount_guard_code

Run = Callable[..., dict[str, Any]]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("part", ["guard", "mount_layers", "mount_times"])
def test_what_the_units_run_needs_nothing_but_the_package(part: str, tmp_path: Path, run: Run) -> None:
    run(mount_guard_code, path=tmp_path / "plex_burst_guard")
    code = f"import sys; sys.path = [{str(tmp_path)!r}, *sys.path]; import plex_burst_guard.{part}"
    # Without site-packages and without the environment, as a machine has it.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_files_are_those_of_the_project_and_readable_for_all(tmp_path: Path, run: Run) -> None:
    place = tmp_path / "plex_burst_guard"
    written = run(mount_guard_code, path=place)["written"]
    assert {"__init__.py", "guard.py", "guard_states.py", "listing.py"} <= set(written)
    assert "plex_db.py" not in written
    for path in place.iterdir():
        assert path.name in written, "nothing half-written stays"
        assert path.stat().st_mode & 0o777 == 0o644
        if path.name != "__init__.py":
            assert path.read_bytes() == (ROOT / "module_utils" / path.name).read_bytes()


def test_only_what_differs_is_written_and_what_is_left_over_is_removed(tmp_path: Path, run: Run) -> None:
    run(mount_guard_code, path=tmp_path)
    assert run(mount_guard_code, path=tmp_path)["changed"] is False
    (tmp_path / "guard.py").write_text("raise SystemExit")
    (tmp_path / "renamed.py").touch()
    (tmp_path / "__pycache__").mkdir()
    told = run(mount_guard_code, path=tmp_path, check_mode=True)
    assert (told["changed"], told["written"], told["removed"]) == (True, ["guard.py"], ["renamed.py"])
    assert (tmp_path / "renamed.py").exists(), "check mode changes nothing"
    assert run(mount_guard_code, path=tmp_path)["written"] == ["guard.py"]
    assert not (tmp_path / "renamed.py").exists()
    assert (tmp_path / "__pycache__").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").touch()
    told = run(mount_guard_code, path=tmp_path / "file" / "package")
    assert told["failed"]
    assert "could not be put into" in told["msg"]
