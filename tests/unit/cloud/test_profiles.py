"""Each profile fits the real machine it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from module_utils.prices import COMPUTE
from module_utils.reading_flags import share
from module_utils.scaleway_judgement import GIGABYTE, type_problem

ROOT = Path(__file__).parents[3]
GIBIBYTE = 2**30


def offered(ncpus: int, ram: int, local: int) -> dict[str, Any]:
    constraint = {"min_size": 0, "max_size": local * GIGABYTE}
    return {"ncpus": ncpus, "ram": ram * GIBIBYTE, "arch": "x86_64", "volumes_constraint": constraint}


# As the products of fr-par-1 were on 2026-07-30.
TYPES = {
    "DEV1-S": offered(2, 2, 20),
    "DEV1-M": offered(3, 4, 40),
    "DEV1-L": offered(4, 8, 80),
    "GP1-S": offered(8, 32, 300),
    "GP1-M": offered(16, 64, 600),
}
RECORDED = ROOT.parent / "shared/data/recorded/scaleway-server-types-fr-par-1.json"
# What Debian with Docker needs beside Plex and rclone.
SYSTEM_MIB = 400


def mebibytes(text: str) -> int:
    return int(text[:-1]) * {"m": 1, "g": 1024}[text[-1]]


@pytest.mark.parametrize(
    ("profile", "commercial_type"),
    [("lite", "DEV1-S"), ("standard", "DEV1-M"), ("power", "GP1-S"), ("superpower", "GP1-M")],
)
def test_profile_fits(profile: str, commercial_type: str) -> None:
    values = yaml.safe_load((ROOT / f"group_vars/{profile}.yml").read_text())
    assert values["scaleway_instance_type"] == commercial_type
    size = values["scaleway_instance_volume_size"] * GIGABYTE
    kind = values["scaleway_instance_volume_type"]
    assert type_problem(TYPES, "fr-par-1", commercial_type, kind, size) is None
    larger = re.findall(r"'commercial_type': '([^']+)'", str(values.get("scaleway_instance_fallbacks")))
    for other in larger:
        assert type_problem(TYPES, "fr-par-1", other, kind, size) is None
    assert [TYPES[other]["ram"] >= TYPES[commercial_type]["ram"] for other in larger] == [True] * len(larger)
    machine = TYPES[commercial_type]
    memory = machine["ram"] // 2**20
    assert mebibytes(values["plex_docker_memory"]) + share(memory) + SYSTEM_MIB <= memory
    assert 0 < values["plex_docker_cpus"] < machine["ncpus"]


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded server types are not beside this repository")
@pytest.mark.parametrize("commercial_type", TYPES)
def test_the_types_are_as_recorded(commercial_type: str) -> None:
    recorded = json.loads(RECORDED.read_text())
    found = recorded.get("servers", recorded)[commercial_type]
    assert found["volumes_constraint"]["max_size"] == TYPES[commercial_type]["volumes_constraint"]["max_size"]
    assert (found["ncpus"], found["ram"]) == (TYPES[commercial_type]["ncpus"], TYPES[commercial_type]["ram"])
    assert found["hourly_price"] == pytest.approx(COMPUTE[commercial_type])
    assert not found["end_of_service"]
