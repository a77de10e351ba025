"""The command line: bad input is one sentence and exit code 2, help is quick and complete, docs do not drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wrapper import cli, exits, inventory, reference
from wrapper.inventory import Inventory
from wrapper.plan import plan

KNOWN = "lab, local, scaleway"


@pytest.fixture(autouse=True)
def quick_inventory(monkeypatch: pytest.MonkeyPatch) -> None:
    """ansible-inventory takes a second; what it answers is tested in test_inventory.py."""

    def load(given: str, root: Path) -> Inventory:
        path = inventory.find(given, root)
        return Inventory(given, path, given != "local", "power")

    monkeypatch.setattr("wrapper.inventory.load", load)


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    try:
        code = cli.main(arguments)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    return code, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND. See: wrapper --help"),
        (["launch"], "argument COMMAND: invalid choice: 'launch' (choose from 'run', 'destroy', 'runs', 'show', "),
        (["run", "--inventory"], "argument --inventory: expected one argument"),
        (["run", "--inventory", "lab", "--fast"], "unrecognized arguments: --fast"),
        (
            ["run", "--inventory", "moon"],
            f'Unknown inventory "moon". Choose one of {KNOWN}, or give the path of a file.',
        ),
        (["run", "--inventory", ""], f'Unknown inventory "". Choose one of {KNOWN}'),
        (
            ["run", "--inventory", "lab", "--instance", "xl"],
            'Unknown --instance "xl". Choose one of lite, standard, power, superpower.',
        ),
        (["run", "--inventory", "lab", "--instance", ""], 'Unknown --instance "". Choose one of lite'),
        (["run", "--inventory", "lab", "--monitoring", "x"], 'Unknown --monitoring "x". Choose one of local, cloud.'),
        (["run", "--inventory", "lab", "--section", "Music", "--section", " "], "A --section is empty; give the name"),
        (
            ["run", "--inventory", "lab", "--archive", "/no/such.tar.gz"],
            'There is no archive at "/no/such.tar.gz"; --archive',
        ),
        (
            ["run", "--inventory", "lab", "--path-mappings", "/no/map.json"],
            'mappings "/no/map.json" cannot be read: No such',
        ),
        (
            ["run", "--inventory", "lab", "--libraries", "/no/list.json"],
            'list of libraries "/no/list.json" cannot be read: No such',
        ),
        (["run", "--inventory", "lab", "--libraries", __file__], "cannot be used: it is not JSON"),
        (["destroy", "2026"], 'There is no run "2026" in'),
        (["show", "2026"], 'There is no run "2026" in'),
        (["show"], "There is no run in"),
    ],
)
def test_bad_input_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    known_command = arguments and arguments[0] in {"run", "destroy", "show"}
    code, said = fails(capsys, *arguments, *(["--runs-dir", str(tmp_path / "runs")] if known_command else []))
    assert code == exits.USAGE
    assert said.startswith("wrapper: ")
    assert sentence in said
    assert len(said.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("not json", "are not JSON"),
        ("[]", "have another form"),
        ('{"/old": "/new"}', "have another form"),
        ('{"mappings": ["/old"]}', "have another form"),
        ('{"mappings": {"/old": 1}}', "have another form"),
    ],
)
def test_bad_mappings(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, sentence: str) -> None:
    mappings = tmp_path / "path_mappings.json"
    mappings.write_text(content)
    code, said = fails(capsys, "run", "--inventory", "lab", "--path-mappings", str(mappings))
    assert (code, len(said.strip().splitlines())) == (exits.USAGE, 1)
    assert sentence in said
    assert '{"mappings": {"/old/path": "/new/path"}}' in said


def test_no_ansible(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr("wrapper.inventory.ansible_playbook", lambda: None)
    code, said = fails(capsys, "run", "--inventory", "lab")
    assert (code, said) == (
        exits.USAGE,
        "wrapper: Ansible is not installed beside this Python; script/bootstrap installs it.\n",
    )


def test_debug_shows_the_trace(capsys: pytest.CaptureFixture[str]) -> None:
    _, said = fails(capsys, "run", "--inventory", "lab", "--instance", "xl", "--debug")
    assert "Traceback" in said


def test_dry_run_prints_the_plan_and_writes_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    mappings = tmp_path / "path_mappings.json"
    mappings.write_text('{"_comment": "x", "mappings": {"/old": "/new"}}')
    arguments = ["run", "--inventory", "local", "--dry-run", "--runs-dir", str(tmp_path / "runs")]
    code = cli.main([*arguments, "--section", "Jazz & Blues", "--path-mappings", str(mappings)])
    said = capsys.readouterr().out
    assert code == exits.DONE
    assert "Jazz & Blues" in said
    assert "playbooks/sonic.yml" in said
    assert "provision" not in said
    assert not (tmp_path / "runs").exists()


def test_extravars_hold_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    from wrapper.plan import plan  # noqa: PLC0415 - after the fixture

    archive = tmp_path / "library.tar.gz"
    archive.touch()
    asked = cli.parser().parse_args(
        [
            "run",
            "--inventory",
            "lab",
            "--section",
            "Music",
            "--section",
            "Music",
            "--instance",
            "lite",
            "--archive",
            str(archive),
        ]
    )
    assert plan(asked, cli.ROOT).extravars("id") == {
        "burst_run_id": "id",
        "burst_runs_dir": str(cli.ROOT / ".runs"),
        "profile": "lite",
        "monitoring": "cloud",
        "burst_sections": ["Music"],
        "burst_force_refresh": False,
        "burst_force_deep_scan": False,
        "burst_empty_trash": False,
        "burst_archive": str(archive),
    }


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from wrapper.cli import parser; parser().format_help(); print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cli.ROOT
    ).stdout
    assert not {"ansible", "ansible_runner", "rich", "yaml", "pexpect"} & set(loaded.split())


def test_runs_as_a_module() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "wrapper", "--help"], capture_output=True, text=True, check=True, cwd=cli.ROOT
    ).stdout
    assert "exit codes:" in said


def test_every_exit_code_is_explained() -> None:
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    explained = {int(line.split()[0]) for line in exits.EXPLANATION.splitlines()[1:]}
    assert codes == explained


def test_docs_have_not_drifted() -> None:
    written = (cli.ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == reference.reference(), "run: python -m wrapper.reference > docs/cli.md"


def test_json_of_runs_is_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["runs", "--json", "--runs-dir", os.fspath(tmp_path)]) == exits.DONE
    assert json.loads(capsys.readouterr().out) == []


def test_a_run_begins_with_a_library_or_from_scratch(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    listed = tmp_path / "plex_libraries.json"
    listed.write_text('{"libraries": [{"title": "Music", "type": "artist", "paths": ["/media"]}]}')
    run = ("run", "--inventory", "lab", "--libraries", str(listed))
    code, said = fails(capsys, *run, "--archive", str(tmp_path))
    assert (code, said) == (
        exits.USAGE,
        "wrapper: --libraries begins from scratch: leave out --archive and --path-mappings, or --libraries.\n",
    )
    assert cli.main((*run, "--dry-run")) == exits.DONE
    assert f"libraries:  {listed} (from scratch)" in capsys.readouterr().out


def test_from_scratch_means_without_the_archive_that_the_inventory_names(tmp_path: Path) -> None:
    listed = tmp_path / "plex_libraries.json"
    listed.write_text('{"libraries": [{"title": "Music", "type": "artist", "paths": ["/media"]}]}')
    asked = cli.parser().parse_args(["run", "--inventory", "lab", "--libraries", str(listed)])
    told = plan(asked, cli.ROOT).extravars("20260101T000000Z-0000")
    assert [told[name] for name in ("burst_libraries", "burst_archive", "burst_path_mappings")] == [str(listed), "", ""]
