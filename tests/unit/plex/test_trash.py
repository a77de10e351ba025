"""When the trash may be emptied, and what emptying has done: tables over what database and server say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from module_utils import trash
from module_utils.trash import Answer
from module_utils.trash_rows import Part, Record, Rows, record, samples, spread

# An artist, an album with three tracks of which two are marked, a marked album with one, all in folder 1.
PARENTS = {1: None, 2: 1, 3: 2, 4: 2, 5: 2, 6: 1, 7: 6}
ROWS = Rows(
    PARENTS,
    frozenset({4, 5, 6, 7}),
    [Part(13, 3, 1, False), Part(14, 4, 1, True), Part(15, 5, 1, True), Part(17, 7, 1, True)],
)
LIVE = Answer(ROWS.parts[0], False, True, True, "/m/3.flac")
GONE = [Answer(part, True, False, False, f"/m/{part.item}.flac") for part in ROWS.parts[1:]]
MARKED = "4 items, 3 files"


@pytest.mark.parametrize(
    ("answers", "doubts", "verdict", "words"),
    [
        ([LIVE, *GONE], [], "may_be_emptied", "of 3 of these files the server says that they are gone, of 1 others"),
        ([LIVE, *GONE], ["it is being scanned"], "kept", f"the trash stays ({MARKED}), because it is being scanned"),
        ([LIVE, *GONE], ["a", "b"], "kept", "because a; b"),
        ([], [], "kept", "none of it has a file that the server could be asked about"),
        (GONE, [], "kept", "its folder has no other file"),
        ([replace(LIVE, part=Part(99, 9, 2, False)), *GONE], [], "kept", "its folder has no other file"),
        ([replace(LIVE, exists=None), *GONE], [], "kept", "does not say whether 1 of 4 files are there (/m/3.flac)"),
        ([LIVE, *GONE[:2], replace(GONE[2], accessible=None)], [], "kept", "does not say whether 1 of 4"),
        ([replace(LIVE, exists=False, accessible=False), *GONE], [], "kept", "cannot read 1 of 1 files that are"),
        ([replace(LIVE, accessible=False), *GONE], [], "kept", "so its word about the others proves nothing"),
        ([LIVE, *GONE[:2], replace(GONE[2], exists=True, accessible=True)], [], "kept", "sees 1 of 3 files in it"),
        ([LIVE, *GONE[:2], replace(GONE[2], exists=True)], [], "kept", "the server sees 1 of 3 files in it"),
        ([LIVE, *GONE[:2], replace(GONE[2], accessible=True)], [], "kept", "the server sees 1 of 3 files in it"),
    ],
)
def test_every_doubt_keeps_the_trash(answers: list[Answer], doubts: list[str], verdict: str, words: str) -> None:
    judged = trash.may_be_emptied(ROWS, answers, doubts)
    assert (judged.verdict, words in judged.message) == (verdict, True), judged


def test_without_marks_there_is_nothing_to_do_whatever_is_doubted() -> None:
    rows = Rows(PARENTS, frozenset(), ROWS.parts[:1])
    assert trash.may_be_emptied(rows, [], ["it is being scanned"]).verdict == "nothing"


def test_a_second_file_of_a_live_item_can_be_in_the_trash_alone() -> None:
    rows = Rows(PARENTS, frozenset(), [Part(13, 3, 1, False), Part(23, 3, 1, True)])
    answers = [LIVE, Answer(rows.parts[1], True, False, False)]
    assert trash.may_be_emptied(rows, answers, []).verdict == "may_be_emptied"
    assert record(rows) == Record(frozenset(), frozenset({23}), frozenset({1, 2, 3}), frozenset({13}))


def test_a_marked_album_above_a_live_track_keeps_the_trash() -> None:
    rows = Rows(PARENTS, ROWS.marked | {2}, ROWS.parts)
    judged = trash.may_be_emptied(rows, [LIVE, *GONE], [])
    assert (judged.verdict, "1 items in it are above files that are not in it" in judged.message) == ("kept", True)


@pytest.mark.parametrize(
    ("ends", "doubts"),
    [
        ([{"section": 5, "verdict": "done"}], []),
        ([{"section": 5, "verdict": "already_complete"}], []),
        ([{"section": 5, "verdict": "done"}, {"section": 1, "verdict": "stalled"}], []),
        ([{"section": 5, "verdict": "partial"}], ["its scan ended partial"]),
        ([{"section": 5, "verdict": "mount_lost"}], ["its scan ended mount lost"]),
        ([{"section": 1, "verdict": "done"}], ["it was not scanned in this run"]),
        ([], ["it was not scanned in this run"]),
    ],
)
def test_only_a_scan_that_is_done_marks_what_is_gone(ends: list[dict[str, object]], doubts: list[str]) -> None:
    assert trash.doubt_of_scans(ends, 5) == doubts


@pytest.mark.parametrize(
    ("numbers", "limit", "chosen"),
    [
        ([3, 1, 2], 5, [1, 2, 3]),
        (range(100), 4, [0, 25, 50, 75]),
        ([], 4, []),
    ],
)
def test_samples_are_spread(numbers: list[int], limit: int, chosen: list[int]) -> None:
    assert spread(numbers, limit) == chosen


def test_each_folder_with_marks_has_samples_and_a_control() -> None:
    parts = [
        Part(number, number, number % 3, number % 3 < 2 and number < 60) for number in range(300)
    ]  # folder 2 has nothing marked
    rows = Rows(dict.fromkeys(range(300)), frozenset(part.item for part in parts if part.marked), parts)
    chosen = [parts[item] for item in samples(rows, 10)]
    assert {(part.location, part.marked): 5 for part in chosen} == {
        (place, marked): [(part.location, part.marked) for part in chosen].count((place, marked))
        for place in (0, 1)
        for marked in (True, False)
    }
    assert samples(Rows({}, frozenset(), []), 10) == []


BEFORE = record(ROWS)


def after(items: set[int], parts: set[int], marked: frozenset[int] = frozenset()) -> Rows:
    left = [part._replace(marked=part.item in marked) for part in ROWS.parts if part.id in parts]
    return Rows({item: PARENTS[item] for item in items}, marked, left)


@pytest.mark.parametrize(
    ("now", "refreshing", "verdict", "words"),
    [
        (after({1, 2, 3}, {13}), False, "emptied", "4 items and 3 files that are gone, and nothing else"),
        (after({1, 2, 3}, {13}), True, "partial", "still works on the library"),
        (ROWS, False, "partial", "4 items and 3 files are still in the trash"),
        (after({1, 2, 3, 4}, {13}, frozenset({4})), False, "partial", "1 items and 0 files are still"),
        (after({1, 2, 3}, {13, 17}), False, "partial", "0 items and 1 files are still"),
        (after({1, 2}, {13}), False, "failed", "removed 1 items and 0 files that were not in it (items 3)"),
        (after({1, 2, 3}, set()), False, "failed", "removed 0 items and 1 files that were not in it (parts 13)"),
        (after(set(), set()), True, "failed", "removed 3 items and 1 files that were not in it (items 1, 2, 3)"),
        # What was marked and came back, and a mark that is new, are both not what was asked for.
        (after({1, 2, 3, 4}, {13, 14}), False, "partial", "1 items and 1 files are still"),
        (after({1, 2, 3}, {13}, frozenset({3})), False, "partial", "1 items and 1 files are still"),
    ],
)
def test_what_was_in_the_trash_goes_and_nothing_else(now: Rows, refreshing: bool, verdict: str, words: str) -> None:
    judged = trash.compare(BEFORE, now, refreshing=refreshing)
    assert (judged.verdict, words in judged.message) == (verdict, True), judged


def test_an_album_without_files_is_the_servers_to_clean_up() -> None:
    rows = Rows({1: None, 2: 1, 3: 2, 8: 1}, frozenset({3}), [Part(13, 3, 1, True), Part(14, 1, 1, False)])
    assert record(rows).live_items == {1}
