"""What the mirror offers: the pinned rclone as upstream packs it, and the Plex stand-in."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from . import docker, settings
from .errors import LabError

_FIXED_DATE = (2026, 1, 1, 0, 0, 0)


def offer_rclone(program: Path, directory: Path) -> None:
    """Pack the program like the upstream release, with its SHA256SUMS; a present one stays."""
    version = settings.RCLONE_VERSION
    release = directory / "rclone" / version
    name = f"rclone-{version}-linux-amd64"
    sums = release / "SHA256SUMS"
    if sums.exists():
        return
    release.mkdir(parents=True, exist_ok=True)
    packed = release / f"{name}.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        entry = zipfile.ZipInfo(f"{name}/rclone", _FIXED_DATE)
        entry.external_attr = 0o755 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, program.read_bytes())
    # The sums are written last: they say that the archive beside them is whole.
    sums.write_text(f"{hashlib.sha256(packed.read_bytes()).hexdigest()}  {packed.name}\n")


def push(tag: str) -> bool:
    """Push an image that the registry does not have; tells if it did."""
    facts = docker.inspect("image", tag)
    repository, _, version = tag.removeprefix(f"{settings.PUBLISHED_REGISTRY}/").partition(":")
    if facts is not None and _configuration_digest(repository, version) == facts["Id"]:
        return False
    docker.run("push", "--quiet", tag, timeout=600)
    return True


def _configuration_digest(repository: str, version: str) -> str | None:
    """The image id behind a tag of the registry."""
    address = f"http://{settings.PUBLISHED_REGISTRY}/v2/{repository}/manifests/{version}"
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    request = urllib.request.Request(address, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            digest = json.load(answer).get("config", {}).get("digest")
    except urllib.error.HTTPError:
        return None
    except OSError as error:
        raise LabError(f"The lab's registry does not answer on {address}: {error}.") from error
    return str(digest) if digest else None
