"""rclone as the virtual environment pins it, speaking to the lab's S3 with the key that may write."""

from __future__ import annotations

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
