"""Which inventories rent, as ansible-inventory itself answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wrapper import cli, inventory
from wrapper.controller_log import ControllerLog
from wrapper.exits import InputError

RENTS = "all: {children: {controller: {hosts: {localhost: {profile: lite}}}, cloud: {children: {controller: {}}}}}"
USES = "all: {children: {controller: {hosts: {localhost: {}}}, cloud: {}, target: {hosts: {nas: {}}}}}"


@pytest.mark.parametrize("name", inventory.KNOWN)
def test_every_known_inventory_is_a_file(name: str) -> None:
    assert inventory.find(name, cli.ROOT).is_file()


@pytest.mark.deep
@pytest.mark.parametrize(("text", "rents", "profile"), [(RENTS, True, "lite"), (USES, False, "")])
def test_a_path_is_asked_whether_it_rents(tmp_path: Path, text: str, rents: bool, profile: str) -> None:
    (tmp_path / "ansible.cfg").touch()
    path = tmp_path / "mine.yml"
    path.write_text(text)
    found = inventory.load(str(path), tmp_path)
    assert found == inventory.Inventory(str(path), path, rents, profile)


@pytest.mark.deep
@pytest.mark.parametrize("text", ["{not: [yaml", ""])
def test_an_inventory_that_says_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "ansible.cfg").touch()
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"mine\.yml cannot be used: "):
        inventory.load(str(path), tmp_path)


def test_groups_below_groups_count() -> None:
    listing = {
        "cloud": {"children": ["a", "b"]},
        "a": {"children": ["c"]},
        "c": {"hosts": ["x"]},
        "b": {"hosts": ["y"]},
    }
    assert inventory.hosts_of("cloud", listing) == {"x", "y"}
    assert inventory.hosts_of("nobody", listing) == set()


@pytest.mark.deep
def test_what_a_real_vault_holds_is_kept_out_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ansible.cfg").touch()
    (tmp_path / "mine.yml").write_text(RENTS)
    (tmp_path / "password").write_text("a password")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    group_vars = tmp_path / "group_vars" / "all"
    group_vars.mkdir(parents=True)
    (group_vars / "vault.yml").write_text("vault_s3_secret_key: canary-0123456789\nvault_plex_token: ''\n")
    (group_vars / "main.yml").write_text("key: '{{ vault_s3_secret_key }}'\n")
    vault = str(Path(sys.executable).with_name("ansible-vault"))
    subprocess.run([vault, "encrypt", str(group_vars / "vault.yml")], check=True, capture_output=True, cwd=tmp_path)
    found = inventory.load(str(tmp_path / "mine.yml"), tmp_path)
    assert found.secrets == ("canary-0123456789",)
    assert "canary" not in repr(found)
    with ControllerLog(tmp_path, secrets=found.secrets) as log:
        assert log.masked("with canary-0123456789, it was refused") == "with ********, it was refused"
