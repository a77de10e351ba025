"""Where the first Debian file system comes from: a registry, or debootstrap where none can be reached."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from . import docker, settings
from .errors import LabError

DEFAULT_MIRROR = "http://deb.debian.org/debian"
_UPSTREAM = "debian:12"
_URI = re.compile(r"^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+)", re.MULTILINE)


def mirror_in(sources: str) -> str | None:
    """The first plain-HTTP Debian mirror that an apt sources file names."""
    for address in _URI.findall(sources):
        mirror = address.rstrip("/")
        if mirror.startswith("http://") and mirror.endswith("/debian"):
            return str(mirror)
    return None


def host_mirror(directory: Path = Path("/etc/apt")) -> str:
    """The Debian mirror that this machine uses itself."""
    candidates = [directory / "sources.list", *sorted(directory.glob("sources.list.d/*"))]
    for path in candidates:
        if path.is_file() and (mirror := mirror_in(path.read_text(errors="replace"))):
            return mirror
    return DEFAULT_MIRROR


def root_image(mirror: str, say: Callable[[str], None]) -> str:
    """The tag of an image with nothing but Debian 12, made if need be."""
    if docker.inspect("image", settings.ROOT_IMAGE) is not None:
        return settings.ROOT_IMAGE
    if docker.inspect("image", _UPSTREAM) is not None:
        return _UPSTREAM
    say(f"pulling {_UPSTREAM}")
    if docker.attempt("pull", "--quiet", _UPSTREAM, timeout=600).returncode == 0:
        return _UPSTREAM
    say("no registry in reach: making Debian 12 with debootstrap")
    _debootstrap(mirror)
    return settings.ROOT_IMAGE


def _debootstrap(mirror: str) -> None:
    program = shutil.which("debootstrap") or shutil.which("debootstrap", path="/usr/sbin:/sbin")
    if program is None:
        raise LabError("debootstrap is not installed and no registry can be reached; run script/bootstrap.")
    prefix = [] if os.geteuid() == 0 else ["sudo"]
    target = settings.CACHE / "debootstrap"
    log = settings.LOGS / "debootstrap.log"
    for directory in (settings.CACHE, settings.LOGS):
        directory.mkdir(parents=True, exist_ok=True)
    subprocess.run([*prefix, "rm", "-rf", str(target)], check=True)
    options = ["--variant=minbase", "--include=ca-certificates"]
    with log.open("w") as stream:
        done = subprocess.run(
            [*prefix, program, *options, "bookworm", str(target), mirror],
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=1800,
        )
    if done.returncode:
        raise LabError(f"debootstrap could not fetch Debian 12 from {mirror}; see the end of {log}.")
    for cache in ("var/cache/apt/archives", "var/lib/apt/lists"):
        subprocess.run([*prefix, "rm", "-rf", str(target / cache)], check=True)
    archive = subprocess.Popen([*prefix, "tar", "-C", str(target), "-c", "."], stdout=subprocess.PIPE)
    imported = subprocess.run(
        ["docker", "import", "-", settings.ROOT_IMAGE],
        stdin=archive.stdout,
        capture_output=True,
        text=True,
        check=False,
    )
    if archive.wait() or imported.returncode:
        raise LabError(f"docker import of the Debian file system failed: {imported.stderr.strip()}.")
    subprocess.run([*prefix, "rm", "-rf", str(target)], check=True)
