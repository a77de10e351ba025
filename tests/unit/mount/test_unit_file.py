"""The unit of the mount: what is measured is what runs, and a folder may be called anything."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment

from bench.mount_ways import OURS, ways

ROLE = Path(__file__).parents[3] / "roles/fuse_rclone"
UNIT = (ROLE / "templates/plex-burst-mount.service.j2").read_text(encoding="utf-8")
# What the unit says in other words: by a variable, or of one of several cases.
SAID_OTHERWISE = {"--uid", "--gid", "--vfs-read-chunk-size", "--vfs-read-chunk-size-limit"}


def test_the_bench_measures_the_flags_of_the_unit() -> None:
    unit = " ".join(UNIT.replace("\\\n", " ").split())
    options = re.findall(r"(--[a-z0-9-]+)((?: [^-\s][^\s]*)?)", OURS)
    assert len(options) > 12
    missing = [
        f"{name}{value}" for name, value in options if name not in SAID_OTHERWISE and f"{name}{value}" not in unit
    ]
    assert missing == []
    environment = dict(re.findall(r"^Environment=(GO\w+)=(\S+)", UNIT, re.MULTILINE))
    mounts = [way.mount for name, way in ways("http://s3", 4096).items() if name.startswith("ours")]
    assert mounts
    assert all(f"GOGC={environment['GOGC']} " in mount and "GOMEMLIMIT=768MiB " in mount for mount in mounts)


@pytest.mark.parametrize(
    ("prefix", "quoted"),
    [
        ("", '"library:media"'),
        ("Plex Media/Music", '"library:media/Plex Media/Music"'),
        ("100%", '"library:media/100%%"'),
        ("Björk", '"library:media/Björk"'),
        ("A$AP", '"library:media/A$$AP"'),
        ('7" singles', '"library:media/7\\" singles"'),
        ("back\\slash", '"library:media/back\\\\slash"'),
    ],
)
def test_a_folder_may_be_called_anything(prefix: str, quoted: str) -> None:
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))
    environment = Environment(autoescape=False)
    environment.filters["ansible.builtin.to_json"] = json.dumps
    said = {"fuse_rclone_bucket": "media", "fuse_rclone_prefix": prefix}
    for name in ("__fuse_rclone_remote", "__fuse_rclone_remote_quoted"):
        said[name] = environment.from_string(known[name]).render(said)
    assert said["__fuse_rclone_remote_quoted"] == quoted
    assert "mount {{ __fuse_rclone_remote_quoted }} {{" in UNIT
