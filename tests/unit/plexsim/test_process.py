from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.plexsim.plexsim import process

PROGRAM = """
import sys, time
from lab.plexsim.plexsim import process
print(process.become(), flush=True)
sys.stdin.read()
"""


def test_a_process_takes_the_real_name() -> None:
    arguments = [process.SCANNER, "--scan", "--section", "5", "--activity", "0a1b2c3d-é"]
    command, told = process.disguise(arguments)
    child = subprocess.Popen(
        [command[0], "-c", PROGRAM, "-" * 200],
        executable=sys.executable,
        env=os.environ | told,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )
    with child:
        assert child.stdout is not None
        assert child.stdin is not None
        assert child.stdout.readline().decode().strip() == str(arguments)
        shown = Path(f"/proc/{child.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        name = Path(f"/proc/{child.pid}/comm").read_text().strip()
        child.stdin.close()
    assert shown == [os.fsencode(argument) for argument in arguments]
    assert name == "Plex Media Scan"


def test_start_command_is_as_long_as_the_name_it_will_bear() -> None:
    arguments = [process.SCANNER, "--scan", "--refresh", "--section", "5"]
    command, _ = process.disguise(arguments)
    assert len("\0".join(command)) == len("\0".join(arguments))
