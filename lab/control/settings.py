"""Names, addresses and keys of the lab. The keys are fixtures of a closed network, not secrets."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".lab"
MEDIA = STATE / "media"
HOME = STATE / "home"
CACHE = STATE / "cache"
STATIC = STATE / "static"
RUN = STATE / "run"
LOGS = STATE / "logs"

LABEL = "plex-burst.lab"
PREFIX = "plex-burst-lab"
NETWORK = PREFIX
SUBNET = "10.213.79.0/24"
GATEWAY = "10.213.79.1"
# The rest of the subnet: .2-.63 services, .64/26 rented servers, .128/26 reserved addresses.
UNMANAGED_RANGE = "10.213.79.192/26"

CLOUD_ADDRESS = "10.213.79.2"
CLOUD_PORT = 8080
CLOUD_TOKEN = "11111111-1111-4111-8111-111111111111"  # noqa: S105 - a fixture, as said above
CLOUD_ACCESS_KEY = "SCWLABXXXXXXXXXXXXXX"
CLOUD_PROJECT = "22222222-2222-4222-8222-222222222222"

S3_ADDRESS = "10.213.79.3"
S3_PORT = 8333
S3_BUCKET = "plex-media"
S3_REGION = "us-east-1"
# What the rented machine gets: may read and list the bucket.
S3_READER = ("LABACCESSKEY00000001", "lab-secret-key-0000000000000000000000001")
# What fills the bucket.
S3_ADMIN = ("LABADMINKEY000000001", "lab-admin-secret-00000000000000000001")

MIRROR_ADDRESS = "10.213.79.4"
REGISTRY_PORT = 5000
STATIC_PORT = 8000
PUBLISHED_REGISTRY = "127.0.0.1:5079"

RCLONE_VERSION = "v1.75.2"
PLEX_IMAGE = "plexinc/pms-docker:1.43.3.10861-07dfddaeb"

BASE_IMAGE = f"{PREFIX}/base:bookworm"
ROOT_IMAGE = f"{PREFIX}/debootstrap:bookworm"
