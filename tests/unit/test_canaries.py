"""Whoever looks for secrets finds one where there is one."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import threading
from pathlib import Path

from tests.canaries import holders_in, watched_argv

CANARY = "canary-5d1f0c"


def test_a_command_line_is_seen() -> None:
    looked = threading.Event()
    with watched_argv(CANARY, look=looked.set) as seen:
        words = [sys.executable, "-c", "import sys; sys.stdin.read()", CANARY]
        process = subprocess.Popen(words, stdin=subprocess.PIPE)
        assert looked.wait(30)
        looked.clear()
        assert looked.wait(30)
        process.communicate(timeout=30)
    assert seen
    assert all(CANARY in line for line in seen)


def test_a_file_is_found_in_an_archive_too(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("nothing\n")
    (tmp_path / "log").write_text(f"key = {CANARY}\n")
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "log", "inside")
        archive.add(tmp_path / "plain", "plain")
    assert holders_in(tmp_path, [CANARY]) == [str(tmp_path / "log"), f"{tmp_path / 'logs.tar.gz'}:inside"]
