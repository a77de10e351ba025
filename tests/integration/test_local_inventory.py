"""The same stages on a machine that is there already: nothing rented, nothing destroyed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from .conftest import ROOT, Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def machine(lab: Lab) -> Iterator[str]:
    """A bare machine of the lab, entered through Docker; its container's name."""
    made = lab.command("script/lab", "machine", "up", "local-inventory")
    assert made.returncode == 0, made.stderr
    yield str(json.loads(made.stdout)["container"])
    assert lab.command("script/lab", "machine", "down", "local-inventory").returncode == 0


# On a disk with more room, as an owner would have it.
PLACE = "/mnt/plex-burst"


def given_machine(folder: Path) -> str:
    """inventories/local.yml with what the lab needs: its bucket, its build of rclone, its image without a digest."""
    shutil.copytree(ROOT / "group_vars", folder / "group_vars")
    shutil.copy(ROOT / "inventories/local.yml", folder / "local.yml")
    of_lab = yaml.safe_load((ROOT / "group_vars/lab.yml").read_text(encoding="utf-8"))
    wanted = {name: value for name, value in of_lab.items() if not name.startswith("burst_scw")}
    wanted["burst_target_dir"] = PLACE
    with (folder / "group_vars/local.yml").open("a", encoding="utf-8") as stream:
        yaml.safe_dump({n: v for n, v in wanted.items() if n not in ("plex_docker_memory", "plex_docker_cpus")}, stream)
    return str(folder / "local.yml")


def test_the_stages_run_on_a_machine_that_is_there_already(lab: Lab, machine: str, tmp_path: Path) -> None:
    lab.environment |= {"BURST_TARGET": machine, "BURST_TARGET_CONNECTION": "community.docker.docker"}
    inventory = given_machine(tmp_path)
    done = lab.wrapper("run", "--inventory", inventory, "--section", "Music", "--monitoring", "cloud")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert "provision" not in done.stdout
    receipt = json.loads((lab.only_run() / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["verdict"] == "done"
    assert lab.rented() == {}
    # The machine is the owner's: it is still there, with Plex stopped.
    seen = lab.command("docker", "exec", machine, "docker", "ps", "--all", "--format", "{{.Names}} {{.State}}")
    assert seen.stdout.split() == ["plex", "exited"]
    there = lab.command("docker", "exec", machine, "ls", "/srv", f"{PLACE}/config")
    assert there.stdout.split() == ["/mnt/plex-burst/config:", "Library", "/srv:"]
