"""Machines made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.control import docker, images, machine

pytestmark = pytest.mark.lab

NAME = "frozen"
FREEZE = """
top=/sys/fs/cgroup/freezer$(sed -n 's/^[0-9]*:freezer://p' /proc/1/cgroup)/frozen
mkdir "$top"
sleep 1000 &
echo $! >"$top/cgroup.procs"
echo FROZEN >"$top/freezer.state"
"""


@pytest.mark.usefixtures("lab")
@pytest.mark.skipif(
    not Path("/sys/fs/cgroup/freezer").exists(), reason="cgroup v2 kills what is frozen: there is nothing to thaw"
)
def test_a_machine_with_something_frozen_in_it_can_be_removed() -> None:
    container = machine.up(NAME, images.ensure_image("machine", print))["container"]
    try:
        docker.run("exec", "--detach", container, "sh", "-c", FREEZE)
    finally:
        machine.down(NAME)
    assert docker.inspect("container", container) is None
