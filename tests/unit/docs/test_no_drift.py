"""What is said in several places must be the same: options, documentation, role specifications, defaults."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

ROOT = Path(__file__).parents[3]
MODULES = sorted((ROOT / "library").glob("*.py"))
ROLES = sorted(path.parent for path in (ROOT / "roles").glob("*/meta"))
CARD_ROLES = {
    "scaleway_instance",
    "fuse_rclone",
    "plex_docker",
    "plex_db_inject",
    "plex_scan",
    "plex_sonic",
    "collect_logs",
}
# A module without these has no default of its own: absent in the specification, "none" in the documentation.
COMPARED = ("type", "required", "default", "choices", "elements")


def constant(module: Path, name: str) -> str:
    """A documentation string of a module, read without running it."""
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == name:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{module.name} has no {name}")


def specification(module: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The argument specification that the module hands to AnsibleModule."""
    loaded = importlib.import_module(f"plugins.modules.{module.stem}")
    seen: dict[str, Any] = {}

    class CaughtError(Exception):
        pass

    def catch(*_: Any, argument_spec: dict[str, Any], **__: Any) -> None:
        seen.update(argument_spec)
        raise CaughtError

    monkeypatch.setattr(loaded, "AnsibleModule", catch)
    with pytest.raises(CaughtError):
        loaded.main()
    return seen


def fragment(name: str) -> dict[str, Any]:
    """One of our own documentation fragments."""
    found = importlib.import_module(f"plugins.doc_fragments.{name}").ModuleDocFragment
    return dict(yaml.safe_load(found.DOCUMENTATION))


def resolved(documentation: dict[str, Any], part: str) -> dict[str, Any]:
    """The options or attributes of a module with those of its fragments; as in Ansible, what it says itself wins."""
    found: dict[str, Any] = {}
    for said in [*map(fragment, documentation.get("extends_documentation_fragment", [])), documentation]:
        found |= said.get(part, {})
    return found


def defaults(option: dict[str, Any]) -> dict[str, Any]:
    """The compared fields of an option, with what Ansible assumes when nothing is said."""
    assumed = {"type": "str", "required": False, "default": None, "choices": None, "elements": None}
    return {name: option.get(name, assumed[name]) for name in COMPARED}


def same(documented: dict[str, Any], specified: dict[str, Any], where: str) -> None:
    assert set(documented) == set(specified), where
    for name, option in documented.items():
        assert option.get("description"), f"{where}: {name} has no description"
        assert defaults(option) == defaults(specified[name]), f"{where}: {name}"
        if "suboptions" in option or "options" in specified[name]:
            same(option.get("suboptions", {}), specified[name].get("options", {}), f"{where}: {name}")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_documents_its_options(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    documentation = yaml.safe_load(constant(module, "DOCUMENTATION"))
    assert documentation["module"] == module.stem
    assert {"check_mode", "diff_mode", "idempotent"} <= set(resolved(documentation, "attributes"))
    specified = specification(module, monkeypatch)
    same(resolved(documentation, "options"), specified, module.stem)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_module_shows_how_it_is_called_and_what_it_returns(module: Path) -> None:
    tasks = yaml.safe_load(constant(module, "EXAMPLES"))
    assert any(module.stem in task for task in tasks)
    documentation = yaml.safe_load(constant(module, "DOCUMENTATION"))
    documented = resolved(documentation, "options")
    for task in tasks:
        assert set(task.get(module.stem) or {}) <= set(documented) | {"api_token", "api_url"}
    for name, returned in yaml.safe_load(constant(module, "RETURN")).items():
        assert {"description", "returned", "type"} <= set(returned), name


def test_the_roles_of_the_card_are_there() -> None:
    assert {role.name for role in ROLES} >= CARD_ROLES


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_a_role_specifies_exactly_its_defaults(role: Path) -> None:
    entries = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    text = (role / "defaults" / "main.yml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text) or {}
    commented = set(re.findall(rf"^# ({role.name}_[a-z0-9_]+):", text, re.MULTILINE))
    options: dict[str, Any] = {}
    for entry in entries.values():
        assert entry["short_description"]
        options |= entry.get("options", {})
    assert set(options) == set(values) | commented
    for name, option in options.items():
        assert name.startswith(f"{role.name}_")
        assert option.get("description"), name
        if option.get("required"):
            assert name in commented, f"{name} is required, so defaults/main.yml names it in a comment only"
        elif name in values:
            assert option.get("default") == values[name], name


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_a_role_names_what_it_registers_after_itself(role: Path) -> None:
    for file in (role / "tasks").glob("*.yml"):
        for registered in re.findall(r"^\s+register: (\S+)", file.read_text(encoding="utf-8"), re.MULTILINE):
            assert registered.startswith(f"__{role.name}_"), f"{file.name}: {registered}"


def test_profiles_and_monitorings_have_a_file_each() -> None:
    known = yaml.safe_load((ROOT / "roles/run_context/vars/main.yml").read_text(encoding="utf-8"))
    for profile in known["__run_context_profiles"]:
        assert (ROOT / "group_vars" / f"{profile}.yml").is_file()
    for monitoring in known["__run_context_monitorings"]:
        assert (ROOT / "group_vars" / f"monitoring_{monitoring}.yml").is_file()
    places = {"lab", "scaleway", "local"}
    files = {path.stem for path in (ROOT / "group_vars").glob("*.yml")}
    assert files == places | set(known["__run_context_profiles"]) | {
        f"monitoring_{name}" for name in known["__run_context_monitorings"]
    }


def test_group_vars_are_beside_the_inventories() -> None:
    assert (ROOT / "inventories" / "group_vars").resolve() == (ROOT / "group_vars").resolve()


def test_full_run_imports_every_stage_in_order() -> None:
    plays = yaml.safe_load((ROOT / "playbooks/full_run.yml").read_text(encoding="utf-8"))
    assert [
        play["ansible.builtin.import_playbook" if "ansible.builtin.import_playbook" in play else "import_playbook"]
        for play in plays
    ] == [
        f"{stage}.yml"
        for stage in (
            "preflight",
            "provision",
            "mount",
            "restore",
            "plex",
            "scan",
            "sonic",
            "export",
            "collect",
            "teardown",
        )
    ]


def rendered(value: Any, known: dict[str, Any]) -> Any:
    """What Ansible would make of a value that names other variables."""
    if isinstance(value, dict):
        return {name: rendered(entry, known) for name, entry in value.items()}
    while "{{" in value:
        value = jinja2.Template(value).render(known)
    return value


def places() -> dict[str, Any]:
    """Every place on the target that a role has a default for."""
    found: dict[str, Any] = {}
    for role in ROLES:
        found |= yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
    return {name: value for name, value in found.items() if "/srv/plex-burst" in str(value)}


@pytest.mark.parametrize(("name", "default"), places().items())
def test_every_place_on_the_target_follows_the_target_directory(name: str, default: Any) -> None:
    given = yaml.safe_load((ROOT / "group_vars/all/main.yml").read_text(encoding="utf-8"))
    assert name in given, f"with another burst_target_dir, {name} would stay {default}"
    assert rendered(given[name], given) == default
    elsewhere = rendered(given[name], given | {"burst_target_dir": "/elsewhere"})
    assert str(elsewhere) == str(default).replace("/srv/plex-burst", "/elsewhere")


TASK_FILES = sorted(ROOT.glob("roles/*/tasks/*.yml")) + sorted(ROOT.glob("roles/*/handlers/*.yml"))
CEILINGS = (
    [(path, 80) for path in TASK_FILES]
    + [(path, 250) for path in MODULES]
    + [(path, 200) for folder in ("module_utils", "wrapper", "lab") for path in sorted((ROOT / folder).rglob("*.py"))]
)


@pytest.mark.parametrize(("path", "ceiling"), CEILINGS, ids=lambda value: str(value).rsplit("/", 1)[-1])
def test_files_stay_below_their_ceiling(path: Path, ceiling: int) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    reason = any("longer than" in line for line in lines[:30])
    assert len(lines) <= ceiling or reason, f"{path.name} has {len(lines)} lines; split it or give the reason on top"
