from __future__ import annotations

from pathlib import Path

import pytest

from module_utils import samples


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "scan-5.jsonl"
    for number in range(3):
        samples.append(path, {"at": number})
    assert [line["at"] for line in samples.read(path)] == [0, 1, 2]


def test_no_file_is_no_samples(tmp_path: Path) -> None:
    assert samples.read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("torn", ['{"at": 2, "cou', '{"at"', "{", "12", '"text"', "\x00\x00"])
def test_a_torn_last_line_is_ignored_and_does_not_spoil_the_next(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "s.jsonl"
    samples.append(path, {"at": 1})
    with path.open("a") as stream:
        stream.write(torn)
    assert [line["at"] for line in samples.read(path)] == [1]
    samples.append(path, {"at": 3})
    assert [line["at"] for line in samples.read(path)] == [1, 3]


BEGIN_A = {"kind": "begin", "run_id": "a", "at": 1}
BEGIN_B = {"kind": "begin", "run_id": "b", "at": 5}
SAMPLE = {"kind": "sample", "at": 6}


@pytest.mark.parametrize(
    ("lines", "run_id", "current"),
    [
        ([], "", []),
        ([SAMPLE], "", []),
        ([BEGIN_A, SAMPLE], "", [BEGIN_A, SAMPLE]),
        ([BEGIN_A, SAMPLE, BEGIN_B, SAMPLE], "", [BEGIN_B, SAMPLE]),
        ([BEGIN_A, SAMPLE, BEGIN_B, SAMPLE], "b", [BEGIN_B, SAMPLE]),
        ([BEGIN_A, SAMPLE], "b", []),
        ([BEGIN_A, SAMPLE, BEGIN_B, SAMPLE], "a", []),
    ],
)
def test_only_the_last_begin_of_this_run_counts(
    lines: list[samples.Sample], run_id: str, current: list[samples.Sample]
) -> None:
    assert samples.current(lines, run_id) == current
