"""Makes the bucket equal to a directory, with the rclone that the virtual environment pins."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .access import Key


@dataclass(frozen=True)
class Bucket:
    """A bucket and the key that may write to it."""

    endpoint: str
    region: str
    name: str
    key: Key


class FillError(Exception):
    """rclone could not bring the media into the bucket."""


def fill(rclone: Path, directory: Path, bucket: Bucket) -> None:
    """Copy what is new, remove what is gone; modification times go along as metadata."""
    environment = {
        **os.environ,
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_LAB_TYPE": "s3",
        "RCLONE_CONFIG_LAB_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_LAB_ENDPOINT": bucket.endpoint,
        "RCLONE_CONFIG_LAB_REGION": bucket.region,
        "RCLONE_CONFIG_LAB_ACCESS_KEY_ID": bucket.key[0],
        "RCLONE_CONFIG_LAB_SECRET_ACCESS_KEY": bucket.key[1],
    }
    target = f"LAB:{bucket.name}"
    for arguments in (["mkdir", target], ["sync", "--fast-list", "--checkers=16", str(directory), target]):
        done = subprocess.run(
            [str(rclone), *arguments], env=environment, capture_output=True, text=True, check=False, timeout=900
        )
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise FillError(f"The bucket {bucket.name} could not be filled: {reason[0]}.")
