from __future__ import annotations

import json
import stat
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from module_utils.log_archive import output_of, write
from plugins.modules import logs_archive


def members(archive: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as opened:
        for member in opened:
            stream = opened.extractfile(member)
            assert stream is not None
            found[member.name] = stream.read()
    return found


def test_takes_files_directories_commands_and_says_what_is_missing(tmp_path: Path) -> None:
    logs = tmp_path / "Plex Logs"
    (logs / "deep").mkdir(parents=True)
    (logs / "Plex Media Server.log").write_text("X-Plex-Token=secretsecret started")
    (logs / "deep" / "scanner.log").write_bytes(b"\xff not utf-8")
    (logs / "link.log").symlink_to("/etc/passwd")
    dest = tmp_path / "logs.tar.gz"
    index, _ = write(
        dest,
        [
            {"name": "plex", "path": str(logs)},
            {"name": "rclone.log", "path": str(tmp_path / "none")},
            {"name": "words", "command": ["printf", "hello"]},
            {"name": "half", "command": ["sh", "-c", "echo before the end; exit 3"]},
            {"name": "absent", "command": ["no-such-program"]},
        ],
        [],
        1000,
        10,
    )
    inside = members(dest)
    assert inside["plex/Plex Media Server.log"] == b"X-Plex-Token=<masked> started"
    assert "plex/deep/scanner.log" in inside
    assert "plex/link.log" not in inside
    assert inside["words"] == b"hello"
    assert inside["half"] == b"before the end\n"
    notes = {entry["name"]: entry["note"] for entry in index}
    assert "does not exist" in notes["rclone.log"]
    assert notes["half"] == "sh ended with 3."
    assert "no-such-program gave nothing" in notes["absent"]
    assert json.loads(inside["index.json"]) == index
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600


def test_a_command_that_cannot_be_killed_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As df on a mount whose server hangs: what it said until then is kept."""
    hanging: list[subprocess.Popen[bytes]] = []

    def survive(process: subprocess.Popen[bytes]) -> None:
        hanging.append(process)

    monkeypatch.setattr(subprocess.Popen, "kill", survive)
    began = time.monotonic()
    said, problem = output_of(["sh", "-c", "echo first; exec sleep 600"], 2)
    took = time.monotonic() - began
    monkeypatch.undo()
    (process,) = hanging
    process.kill()
    process.communicate()
    assert (said, problem) == (b"first\n", "sh did not end within 2 s.")
    assert took < 300


def test_an_archive_that_the_disk_does_not_take_is_made_in_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "a.log"
    log.write_text("x" * 99 + "\n" + "y" * 4900)
    given = {
        "dest": str(tmp_path / "a.log/logs.tar.gz"),
        "sources": [{"name": "a.log", "path": str(log)}],
        "total": 10_000,
    }
    with patch_module_args(given), pytest.raises(SystemExit):
        logs_archive.main()
    assert "cannot be written: Not a directory." in json.loads(capsys.readouterr().out)["msg"]
    with patch_module_args({**given, "spare": str(tmp_path)}), pytest.raises(SystemExit):
        logs_archive.main()
    result = json.loads(capsys.readouterr().out)
    assert result["dest"] == str(tmp_path / "logs.tar.gz")
    assert members(tmp_path / "logs.tar.gz")["a.log"] == b"y" * 1000


def test_keeps_the_end_of_a_long_file_and_masks_given_secrets(tmp_path: Path) -> None:
    long = tmp_path / "long.log"
    long.write_text("a" * 5000 + "\nmy-own-secret the end")
    dest = tmp_path / "logs.tar.gz"
    index, _ = write(dest, [{"name": "long.log", "path": str(long)}], ["my-own-secret"], 100, 10)
    text = members(dest)["long.log"]
    assert text == b"<masked> the end"
    assert index[0]["note"] == "the last 100 of 5022 bytes"


def test_takes_the_members_of_another_archive(tmp_path: Path) -> None:
    inner, outer = tmp_path / "target.tar.gz", tmp_path / "logs.tar.gz"
    note = tmp_path / "note"
    note.write_text("from the target")
    write(inner, [{"name": "note", "path": str(note)}], [], 1000, 10)
    index, _ = write(
        outer,
        [{"name": "target", "archive": str(inner)}, {"name": "dead", "archive": str(note)}],
        [],
        1000,
        10,
    )
    assert members(outer)["target/note"] == b"from the target"
    assert "cannot be read" in {entry["name"]: entry["note"] for entry in index}["dead"]


def test_what_comes_first_stays_when_the_archive_is_full(tmp_path: Path) -> None:
    for name in ("first", "second", "third"):
        (tmp_path / name).write_text(name * 100)
    dest = tmp_path / "logs.tar.gz"
    sources = [{"name": name, "path": str(tmp_path / name)} for name in ("first", "second", "third")]
    index, _ = write(dest, sources, [], 1000, 10, total=700)
    inside = members(dest)
    assert [len(inside.get(name, b"")) for name in ("first", "second", "third")] == [500, 200, 0]
    assert [entry["note"] for entry in index] == [
        "",
        "the last 200 of 600 bytes, because the archive is full",
        "the archive is full; 500 bytes were left out.",
    ]
    assert json.loads(inside["index.json"]) == index


def test_an_archive_that_says_nothing_new_is_not_kept(tmp_path: Path) -> None:
    """How full the disk is says something else each time, and is no reason for another archive."""
    log, disk, dest = tmp_path / "a.log", tmp_path / "disk", tmp_path / "logs.tar.gz"
    sources = [{"name": "a.log", "path": str(log)}, {"name": "now/disk.txt", "path": str(disk)}]
    news = []
    for said, full in (("one", "10 %"), ("one", "10 %"), ("one", "11 %"), ("one two", "12 %"), (None, "12 %")):
        disk.write_text(full)
        log.unlink(missing_ok=True)
        if said:
            log.write_text(said)
        _, new = write(dest, sources, [], 1000, 10, moment="now")
        news.append((new, members(dest)["now/disk.txt"].decode()))
    assert news == [(True, "10 %"), (False, "10 %"), (False, "10 %"), (True, "12 %"), (True, "12 %")]
    assert not dest.with_name("logs.tar.gz.partial").exists()


def test_what_stands_in_the_place_of_the_archive_and_is_none_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("said")
    dest = tmp_path / "logs.tar.gz"
    for broken in (b"no archive", b""):
        dest.write_bytes(broken)
        assert write(dest, [{"name": "a.log", "path": str(tmp_path / "a.log")}], [], 1000, 10)[1]
        assert members(dest)["a.log"] == b"said"


@pytest.mark.parametrize("kind", ["path", "command"])
def test_a_secret_that_the_limit_cuts_in_two_stays_out(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "a.log"
    lines = "GET /library?X-Plex-Token=CANARYtoken000001\n" * 20
    log.write_text(lines)
    source = {"path": str(log)} if kind == "path" else {"command": ["cat", str(log)]}
    for limit in range(100, 150):
        write(tmp_path / "logs.tar.gz", [{"name": "a.log", **source}], [], limit, 10)
        text = members(tmp_path / "logs.tar.gz")["a.log"].decode()
        assert set(text.splitlines()) == {"GET /library?X-Plex-Token=<masked>"}


CANARIES = {
    "token in a query": "GET /library?X-Plex-Token=CANARYtoken000001&a=b",
    "token in preferences": 'PlexOnlineToken="CANARYtoken000002" PlexOnlineMail="canary@example.org"',
    "claim code": "exchanging claim-CANARY000003 now",
    "key of the bucket": "secret_access_key = CANARYkey000004",
    "key of the provider": "X-Auth-Token: CANARYkey000005",
    "signature": "GET /b/k?X-Amz-Signature=CANARYsign000006&x=1",
    "mail address": "signed in as canary@example.org",
    "a given secret": "the switch key is GIVEN-CANARY-000007",
}


def test_no_canary_comes_home_from_any_kind_of_source(tmp_path: Path) -> None:
    """Files, directories, file names, outputs of commands, notes of the index."""
    text = "\n".join(CANARIES.values())
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "Plex.log").write_text(text)
    (tmp_path / "prefs.xml").write_text(text)
    dest = tmp_path / "logs.tar.gz"
    sources: list[dict[str, object]] = [
        {"name": "logs", "path": str(tmp_path / "logs")},
        {"name": "prefs.xml", "path": str(tmp_path / "prefs.xml")},
        {"name": "printed", "command": ["cat", str(tmp_path / "prefs.xml")]},
        {"name": "failed", "command": ["sh", "-c", 'cat "$0" >&2; exit 1', str(tmp_path / "prefs.xml")]},
        {"name": "absent", "path": str(tmp_path / "GIVEN-CANARY-000007")},
    ]
    write(dest, sources, ["GIVEN-CANARY-000007"], 100_000, 10)
    found = b"\n".join(members(dest).values())
    assert b"CANARY" not in found
    assert b"canary@" not in found
    # What is no secret is still there to be read.
    assert b"GET /library?X-Plex-Token=" in found
