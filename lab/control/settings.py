"""Names, addresses and keys of the lab. The keys are fixtures of a closed network, not secrets.

PLEX_BURST_LAB (1 to 40, default 1) says which of several labs on one machine is meant, so that two checkouts can have
one each: every number has its own containers, network and published port, and all share the images.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

LABS = 40


def lab_number(text: str) -> int:
    """Read PLEX_BURST_LAB; a sentence and exit code 2 when it is no number from 1 to 40."""
    if not text:
        return 1
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LABS:
        return int(text)
    print(f"lab: PLEX_BURST_LAB is {text!r}; it must be a number from 1 to {LABS}, or unset for 1.", file=sys.stderr)
    raise SystemExit(2)


_NUMBER = lab_number(os.environ.get("PLEX_BURST_LAB", ""))
_SUFFIX = "" if _NUMBER == 1 else f"-{_NUMBER}"
_HOSTS = f"10.213.{78 + _NUMBER}"

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".lab"
MEDIA = STATE / "media"
HOME = STATE / "home"
CACHE = STATE / "cache"
STATIC = STATE / "static"
RUN = STATE / f"run{_SUFFIX}"
LOGS = STATE / f"logs{_SUFFIX}"

# Images are shared by all labs of a machine; containers, volumes and networks carry the label of their lab.
IMAGES = "plex-burst-lab"
IMAGE_LABEL = "plex-burst.lab"
LABEL = f"plex-burst.lab{_SUFFIX}"
PREFIX = f"plex-burst-lab{_SUFFIX}"
NETWORK = PREFIX
SUBNET = f"{_HOSTS}.0/24"
GATEWAY = f"{_HOSTS}.1"
# The rest of the subnet: .2-.63 services, .64/26 rented servers, .128/26 reserved addresses.
UNMANAGED_RANGE = f"{_HOSTS}.192/26"

CLOUD_ADDRESS = f"{_HOSTS}.2"
CLOUD_PORT = 8080
CLOUD_TOKEN = "11111111-1111-4111-8111-111111111111"  # noqa: S105 - a fixture, as said above
CLOUD_ACCESS_KEY = "SCWLABXXXXXXXXXXXXXX"
CLOUD_PROJECT = "22222222-2222-4222-8222-222222222222"

S3_ADDRESS = f"{_HOSTS}.3"
S3_PORT = 8333
S3_BUCKET = "plex-media"
S3_REGION = "us-east-1"
# What the rented machine gets: may read and list the bucket.
S3_READER = ("LABACCESSKEY00000001", "lab-secret-key-0000000000000000000000001")
# What fills the bucket.
S3_ADMIN = ("LABADMINKEY000000001", "lab-admin-secret-00000000000000000001")

PLEX_TV_ADDRESS = f"{_HOSTS}.5"
PLEX_TV_PORT = 8080
PLEX_TV_TOKEN = "lab-account-token-00"  # noqa: S105 - a fixture, as said above
# Neither expires nor is used up: for runs that do not ask for a claim token of their own.
PLEX_TV_STANDING_CLAIM = "claim-lab-0000000000000000"

# The same S3 server behind a proxy that can misbehave.
S3_FAULT_ADDRESS = f"{_HOSTS}.6"
S3_FAULT_NAME = "s3fault.lab"
S3_FAULT_ADMIN_PORT = 8334

MIRROR_ADDRESS = f"{_HOSTS}.4"
REGISTRY_PORT = 5000
STATIC_PORT = 8000
PUBLISHED_REGISTRY = f"127.0.0.1:{5078 + _NUMBER}"

RCLONE_VERSION = "v1.75.2"
PLEX_IMAGE = "plexinc/pms-docker:1.43.3.10861-07dfddaeb"

BASE_IMAGE = f"{IMAGES}/base:bookworm"
ROOT_IMAGE = f"{IMAGES}/debootstrap:bookworm"
