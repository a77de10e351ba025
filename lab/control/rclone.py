"""rclone as the virtual environment pins it, speaking to the lab's S3 with the key that may write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import settings


def program() -> list[str]:
    """Give the program, without anybody's configuration."""
    return [str(Path(sys.executable).with_name("rclone")), "--config", ""]


def remote(place: str) -> str:
    """Name a bucket, or a folder of one, straight at the server."""
    key, secret = settings.S3_ADMIN
    return (
        f":s3,provider=SeaweedFS,access_key_id={key},secret_access_key={secret},"
        f"endpoint='http://{settings.S3_ADDRESS}:{settings.S3_PORT}':{place}"
    )


def upload_times(place: str) -> dict[str, int]:
    """List a bucket, or a folder of one: when each file came into it, in seconds since 1970, by its path there.

    Empty when there is no such place.
    """
    options = ("--recursive", "--files-only", "--use-server-modtime", "--format=tp", "--time-format=unix")
    command = [*program(), "lsf", *options, remote(place)]
    listing = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800).stdout
    return {path: int(at) for at, _, path in (line.partition(";") for line in listing.splitlines())}


def write(place: str, content: str) -> None:
    """Write an object. Raises subprocess.CalledProcessError."""
    subprocess.run([*program(), "rcat", remote(place)], input=content, text=True, check=True, timeout=60)
