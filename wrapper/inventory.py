# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which inventory was meant, and what it says: does it rent, which profile is its default."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wrapper.exits import InputError
from wrapper.playbook import ansible_playbook, search_path

# Those meant for a person; others, as that of the role tests, can be given as a path.
KNOWN = ("lab", "local", "scaleway")
QUESTION_SECONDS = 60


@dataclass(frozen=True)
class Inventory:
    """name is what the ledger remembers: a known name, or the absolute path that was given.

    knows_account: whether it names a token or a claim code itself, in a vault or in plain. secrets: what it opened of a
    vault, which no log may say.
    """

    name: str
    path: Path
    rents: bool
    profile: str
    knows_account: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)


def find(given: str, root: Path) -> Path:
    """The inventory file for a known name or a path."""
    if given in KNOWN:
        return root / "inventories" / f"{given}.yml"
    path = Path(given)
    if given and path.is_file():
        return path.resolve()
    raise InputError(f'Unknown inventory "{given}". Choose one of {", ".join(KNOWN)}, or give the path of a file.')


def load(given: str, root: Path) -> Inventory:
    """Ask ansible-inventory, so that whatever Ansible accepts is accepted, and refused here if it is not."""
    path = find(given, root)
    playbook = ansible_playbook()
    if playbook is None:
        raise InputError("Ansible is not installed beside this Python; script/bootstrap installs it.")
    answer = subprocess.run(
        [str(Path(playbook).with_name("ansible-inventory")), "-i", str(path), "--list"],
        cwd=root,
        env=_environment(root),
        capture_output=True,
        text=True,
        timeout=QUESTION_SECONDS,
        check=False,
    )
    try:
        listing = json.loads(answer.stdout)
    except ValueError:
        listing = {}
    if answer.returncode != 0 or not hosts_of("all", listing):
        reason = next((line for line in answer.stderr.splitlines() if line.strip()), "it names no host")
        raise InputError(f"The inventory {path} cannot be used: {reason.strip()}")
    hostvars = listing.get("_meta", {}).get("hostvars", {}).get("localhost", {})
    name = given if path.parent == root / "inventories" and given == path.stem else str(path)
    rents = bool(hosts_of("cloud", listing))
    return Inventory(name, path, rents, str(hostvars.get("profile", "")), knows_account(hostvars), vaulted(hostvars))


def vaulted(hostvars: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the values that a vault holds, by the names that group_vars/all/main.yml takes from it."""
    found = (value for name, value in hostvars.items() if name.startswith("vault_"))
    return tuple(value for value in found if isinstance(value, str) and value and "{{" not in value)


def knows_account(hostvars: Mapping[str, Any]) -> bool:
    """Whether a token or a claim code is among the variables; a template is one that reads the environment."""
    given = [str(hostvars.get(name) or "") for name in ("burst_plex_token", "burst_plex_claim")]
    vault = any(hostvars.get(name) for name in ("vault_plex_token", "vault_plex_claim"))
    return vault or any(text and "{{" not in text for text in given)


def hosts_of(group: str, listing: Mapping[str, Any]) -> set[str]:
    """The hosts of a group and of the groups below it."""
    entry = listing.get(group, {})
    below = [hosts_of(child, listing) for child in entry.get("children", ())]
    return set(entry.get("hosts", ())).union(*below)


def _environment(root: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": search_path(),
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
