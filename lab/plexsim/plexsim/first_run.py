"""What the image does before its first start: owner, identity, claim, as the official image's scripts."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from .plex_tv import PlexTv, SignIn
from .preferences import Preferences
from .settings import Settings

DONE = Path("/.firstRunComplete")


def say(text: str) -> None:
    """Write a line into the container's log."""
    print(text, flush=True)


def _make(owner: int, group: int, directory: Path) -> None:
    """Make a directory, and what is missing above it, as the server's own."""
    if not directory.exists():
        _make(owner, group, directory.parent)
        directory.mkdir()
        os.chown(directory, owner, group)


def _give_to(owner: int, group: int, directory: Path) -> None:
    """Nothing is done where there is no such directory, as outside the image."""
    for path in (directory, *directory.rglob("*")) if directory.exists() else ():
        if path.lstat().st_uid != owner:
            os.chown(path, owner, group, follow_symlinks=False)


def first_run(settings: Settings, environment: Mapping[str, str], owner: int, group: int) -> SignIn | None:
    """Prepare the data directory; give what a claim brought, to be written when the server is up."""
    preferences = Preferences(settings.preferences)
    for directory in (settings.logs, settings.library.parent):
        _make(owner, group, directory)
    found = preferences.path
    foreign = not found.exists() or found.stat().st_uid != owner
    if foreign and environment.get("CHANGE_CONFIG_DIR_OWNERSHIP", "true").lower() == "true":
        _give_to(owner, group, Path("/config"))
    _give_to(owner, group, Path("/transcode"))
    preferences.load()
    changes: dict[str, str | None] = {}
    machine = preferences.values.get("MachineIdentifier") or str(uuid.uuid4())
    changes["MachineIdentifier"] = machine
    text = f"{machine}- Plex Media Server"
    client = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    changes["ProcessedMachineIdentifier"] = client
    for variable, name in (("ADVERTISE_IP", "customConnections"), ("ALLOWED_NETWORKS", "allowedNetworks")):
        if environment.get(variable):
            changes[name] = environment[variable]
    if not preferences.values.get("TranscoderTempDirectory"):
        changes["TranscoderTempDirectory"] = "/transcode"
    preferences.write(changes)
    os.chown(preferences.path, owner, group)
    claim = environment.get("PLEX_CLAIM", "")
    claim_file = environment.get("PLEX_CLAIM_FILE", "")
    if claim_file and Path(claim_file).is_file():
        claim = Path(claim_file).read_text().strip()
    signed_in = None
    if claim and not preferences.values.get("PlexOnlineToken"):
        say("Attempting to obtain server token from claim token")
        signed_in = PlexTv(settings.plex_tv).exchange(claim, client)
        if signed_in:
            say("Token obtained successfully")
    say("Plex Media Server first run setup complete")
    return signed_in
