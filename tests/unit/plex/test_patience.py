"""Patience is data: what the monitorings say is what the decisions and the documentation say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HOUR = 3600


def group(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / f"group_vars/{name}.yml").read_text(encoding="utf-8")))


def defaults(role: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / f"roles/{role}/defaults/main.yml").read_text(encoding="utf-8")))


CLOUD, LOCAL = group("monitoring_cloud"), group("monitoring_local")
# What goes with the machine, too: the smaller it is, the seldomer it is asked.
PLACES = [CLOUD, LOCAL, CLOUD | group("lite"), CLOUD | group("standard")]


@pytest.mark.parametrize("patience", [CLOUD, LOCAL])
def test_what_does_not_depend_on_the_place(patience: dict[str, Any]) -> None:
    assert patience["plex_scan_timeouts"] == {
        "movie": 4 * HOUR,
        "show": 2 * HOUR,
        "photo": 8 * HOUR,
        "artist": 4 * HOUR,
    }
    assert patience["plex_sonic_timeout"] == 72 * HOUR
    # Thirty readings of two minutes, in seconds.
    assert patience["plex_sonic_stall"] == 30 * 2 * 60
    assert patience["plex_sonic_refresh_timeout"] == 4 * HOUR
    assert patience["plex_sonic_refresh_cpu_percent"] == 20
    assert patience["plex_sonic_refresh_poll"] == 120


def test_what_depends_on_the_place() -> None:
    names = ("plex_docker_init_timeout", "plex_docker_token_timeout", "plex_sonic_pass_timeout")
    assert [CLOUD[name] for name in names] == [900, 180, 120]
    assert [LOCAL[name] for name in names] == [300, 120, 60]
    # The token is looked for every 10 s.
    assert defaults("plex_docker")["plex_docker_token_poll"] == 10


def test_a_home_line_may_be_late_without_plex_being_frozen() -> None:
    names = ("freeze_after", "hang_after", "s3_deadline", "s3_limit", "read_every")
    assert [CLOUD[f"mount_guard_{name}"] for name in names] == [8.5, 34, 6, 1800, 5]
    assert [LOCAL[f"mount_guard_{name}"] for name in names] == [30, 120, 20, 4 * HOUR, 30]


def test_both_monitorings_name_the_same_patience() -> None:
    assert set(CLOUD) == set(LOCAL)


@pytest.mark.parametrize("patience", PLACES)
def test_a_stall_is_many_readings_and_a_timeout_many_stalls(patience: dict[str, Any]) -> None:
    known = defaults("plex_scan") | defaults("plex_sonic") | patience
    for role in ("plex_scan", "plex_sonic"):
        assert known[f"{role}_stall"] >= 10 * known[f"{role}_poll"], role
        assert known[f"{role}_grace"] >= 2 * known[f"{role}_poll"], role
    assert known["plex_sonic_timeout"] >= 10 * known["plex_sonic_stall"]
    assert min(known["plex_scan_timeouts"].values()) >= 2 * known["plex_scan_stall"]
    assert known["plex_sonic_settled"] < known["plex_sonic_stall"]


@pytest.mark.parametrize("patience", PLACES)
def test_the_guard_gives_an_outage_up_before_the_phases_do(patience: dict[str, Any]) -> None:
    known = defaults("plex_scan") | defaults("plex_sonic") | patience
    for role in ("plex_scan", "plex_sonic"):
        assert known[f"{role}_frozen"] > known["mount_guard_s3_limit"] + known[f"{role}_poll"]


def test_the_table_of_the_documentation_is_the_data() -> None:
    text = (ROOT / "docs/phases.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(plex_\w+)` \| ([\d, a-z:]+) \| ([\d, a-z:]+) \|", text, re.MULTILINE)
    written = {name: (local, cloud) for name, local, cloud in rows}
    # The guard's own patience is told in docs/mount.md.
    assert set(written) == {name for name in CLOUD if name.startswith("plex_")}
    for name, both in written.items():
        for told, patience in zip(both, (LOCAL, CLOUD), strict=True):
            value = patience[name]
            words = ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
            assert told.strip() == words, name
