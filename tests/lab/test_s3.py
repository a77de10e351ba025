"""The bucket of the lab: equal to the media, readable with the target's key, and with that key only readable."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from lab.control import images, settings

from .conftest import rclone_environment

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

BUCKET = f"LAB:{settings.S3_BUCKET}"


def rclone(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(images.environment_program("rclone")), "--retries=1", "--low-level-retries=1", *arguments],
        env={**os.environ, **rclone_environment(settings.S3_READER)},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_bucket_holds_every_file_with_its_time() -> None:
    listed = json.loads(rclone("lsjson", "--recursive", "--files-only", BUCKET).stdout)
    stored = {entry["Path"]: (entry["Size"], entry["ModTime"][:19]) for entry in listed}
    local = json.loads(rclone("lsjson", "--recursive", "--files-only", str(settings.MEDIA)).stdout)
    assert stored == {entry["Path"]: (entry["Size"], entry["ModTime"][:19]) for entry in local}
    assert len(stored) >= 60


@pytest.mark.parametrize(
    "arguments", [("rcat", f"{BUCKET}/intruder"), ("purge", f"{BUCKET}/Music"), ("mkdir", "LAB:other")]
)
def test_the_key_of_the_target_changes_nothing(arguments: tuple[str, ...]) -> None:
    refused = rclone(*arguments, text="x")
    assert refused.returncode != 0
    assert "AccessDenied" in refused.stderr


def test_a_bucket_that_does_not_exist_is_a_missing_one_not_a_forbidden_one() -> None:
    assert "directory not found" in rclone("lsf", "LAB:no-such-bucket").stderr
