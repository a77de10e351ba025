from __future__ import annotations

from pathlib import Path

import pytest

from module_utils.processes import (
    ANALYSER,
    DEEP,
    MEDIA,
    OTHER,
    SCANNER,
    SERVER,
    Process,
    classify,
    count,
    cpu_percent,
    inside_container,
    parse_cmdline,
    parse_stat,
    read_processes,
)

CONTAINER = "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa99887766554433221100"
LIB = "/usr/lib/plexmediaserver/"

# As read from /proc of a machine with cgroup v1, one with v2, and a machine that is itself a container.
CGROUP_V1 = f"12:pids:/docker/{CONTAINER}\n11:cpu,cpuacct:/docker/{CONTAINER}\n1:name=systemd:/docker/{CONTAINER}\n"
CGROUP_V2 = f"0::/system.slice/docker-{CONTAINER}.scope\n"
CGROUP_NESTED = f"4:memory:/docker/{'a' * 64}/docker/{CONTAINER}\n"


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ([LIB + "Plex Media Scanner", "--scan", "--refresh", "--section", "2", "--activity", "u"], SCANNER),
        ([LIB + "Plex Media Scanner", "--scan", "--section", "2", "--directory", "/media/a --analyze"], SCANNER),
        ([LIB + "Plex Media Scanner", "-r", "-c", "2"], SCANNER),
        ([LIB + "Plex Media Scanner", "--analyze-deeply", "--item", "17"], DEEP),
        ([LIB + "Plex Media Scanner", "--analyze-deeply", "--scan"], DEEP),
        ([LIB + "Plex Media Scanner", "--analyze", "--item", "17"], MEDIA),
        ([LIB + "Plex Media Scanner", "--scan", "--analyze"], SCANNER),
        ([LIB + "Plex Media Scanner", "--list"], OTHER),
        ([LIB + "Plex Music Analyzer"], ANALYSER),
        (["/usr/bin/python3", LIB + "Plex Music Analyzer", "--all"], ANALYSER),
        (["/usr/bin/python3", "-I", LIB + "Plex Media Scanner", "--scan"], SCANNER),
        ([LIB + "Plex Media Server"], SERVER),
        (["/bin/sh", "-c", "echo Plex Media Scanner --scan"], OTHER),
        (["tail", "-f", "Plex Media Scanner.log"], OTHER),
        ([], OTHER),
    ],
)
def test_a_command_line_has_one_kind(command: list[str], kind: str) -> None:
    assert classify(command) == kind


def test_arguments_with_spaces_stay_whole() -> None:
    raw = b"/usr/lib/plexmediaserver/Plex Media Scanner\0--directory\0/media/\xc3\xa9 b\0"
    assert parse_cmdline(raw) == ("/usr/lib/plexmediaserver/Plex Media Scanner", "--directory", "/media/é b")


@pytest.mark.parametrize(
    "name", ["(Plex Media Scan)", "(a) b) (c)", "(python3)"], ids=["spaces", "parentheses", "plain"]
)
def test_stat_is_read_behind_the_name(name: str) -> None:
    line = f"4711 {name} S 17 4711 4711 0 -1 4194304 900 0 0 0 250 31 7 2 20 0 9 0 1234 1 2 3"
    assert parse_stat(line) == (17, 250 + 31 + 7 + 2)


@pytest.mark.parametrize("text", [CGROUP_V1, CGROUP_V2, CGROUP_NESTED])
def test_the_control_group_names_the_container(text: str) -> None:
    assert inside_container(text, CONTAINER)
    assert not inside_container(text, "b" * 64)
    assert not inside_container(text, "")


def write_process(proc: Path, pid: int, parent: int, command: list[str], cgroup: str, *, ticks: int = 100) -> None:
    (proc / str(pid)).mkdir(parents=True)
    (proc / str(pid) / "cmdline").write_bytes("\0".join(command).encode() + b"\0")
    stat = f"{pid} (x) S {parent} 0 0 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1 0 1 1 1 1"
    (proc / str(pid) / "stat").write_text(stat)
    (proc / str(pid) / "cgroup").write_text(cgroup)


def test_one_pass_finds_the_container_by_group_and_by_descent(tmp_path: Path) -> None:
    write_process(tmp_path, 1, 0, ["/sbin/init"], "0::/init.scope\n")
    write_process(tmp_path, 100, 1, ["/init"], "0::/\n")
    write_process(tmp_path, 101, 100, [LIB + "Plex Media Server"], "0::/\n")
    write_process(tmp_path, 102, 101, [LIB + "Plex Media Scanner", "--scan"], "0::/\n", ticks=50)
    write_process(tmp_path, 103, 1, [LIB + "Plex Music Analyzer"], CGROUP_V2)
    write_process(tmp_path, 104, 1, [LIB + "Plex Media Server"], "0::/system.slice/other.service\n")
    (tmp_path / "meminfo").write_text("not a process")
    (tmp_path / "105").mkdir()
    found = read_processes(CONTAINER, 100, tmp_path)
    assert [process.pid for process in found] == [100, 101, 102, 103]
    total = count(found, ticks_per_second=100)
    assert total.kinds == {SCANNER: 1, DEEP: 0, MEDIA: 0, ANALYSER: 1, SERVER: 1}
    assert total.cpu_seconds == 3.5


def test_processes_of_another_container_are_not_counted(tmp_path: Path) -> None:
    write_process(tmp_path, 7, 1, [LIB + "Plex Media Scanner", "--scan"], CGROUP_V1)
    assert read_processes("c" * 64, 8, tmp_path) == []


def test_other_processes_only_cost_time() -> None:
    assert count([Process(1, 0, OTHER, 250, ())], ticks_per_second=100).cpu_seconds == 2.5


@pytest.mark.parametrize(
    ("before", "after", "seconds", "percent"),
    [
        (10.0, 14.0, 2.0, 200.0),
        (10.0, 10.0, 10.0, 0.0),
        (None, 5.0, 2.0, None),
        (9.0, 5.0, 2.0, None),
        (1.0, 2.0, 0, None),
    ],
)
def test_percent_is_the_difference_to_the_previous_sample(
    before: float | None, after: float, seconds: float, percent: float | None
) -> None:
    assert cpu_percent(before, after, seconds) == percent
