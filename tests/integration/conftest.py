"""What the integration tests share: the lab as a person sees it, and a run started as a person starts it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Lab:
    """The lab, and the commands a person has for it."""

    runs_dir: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *words: str, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
        """Run a program of the virtual environment or the tree from the root of the tree."""
        environment = os.environ | {"PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}", "NO_COLOR": "1"}
        return subprocess.run(
            words,
            cwd=ROOT,
            env=environment | self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def wrapper(self, *words: str, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
        """Run the wrapper with the runs of this test."""
        return self.command("wrapper", *words, "--runs-dir", str(self.runs_dir), timeout=timeout)

    def status(self) -> dict[str, Any]:
        """What `script/lab status --json` says."""
        answer = self.command("script/lab", "status", "--json")
        assert answer.returncode == 0, answer.stderr
        return dict(json.loads(answer.stdout))

    def rented(self) -> dict[str, list[Any]]:
        """Everything of the provider that would cost money, by kind, kinds with nothing left out."""
        return {kind: found for kind, found in self.status()["cloud"].items() if found}

    def manifest(self) -> list[dict[str, Any]]:
        """The files of the bucket."""
        return list(json.loads((ROOT / ".lab/home/manifest.json").read_text(encoding="utf-8"))["files"])

    def only_run(self) -> Path:
        """The directory of the one run of this test."""
        runs = [path for path in self.runs_dir.iterdir() if (path / "ledger.json").exists()]
        assert len(runs) == 1, runs
        return runs[0]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "runs")
    if not lab.status()["up"]:
        pytest.fail("The lab is down; start it with script/lab up.")
    assert lab.rented() == {}, "an earlier test left something"
    return lab


def sentence(done: subprocess.CompletedProcess[str], words: Sequence[str]) -> None:
    """What was printed is for people: has these words, and no traceback."""
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    for word in words:
        assert word in said, said
