from __future__ import annotations

import typing as t

import pytest

from module_utils.judgement import judge
from module_utils.verdicts import DONE, FAILED, PARTIAL, STALLED, TIMED_OUT, WAITING
from tests.unit.plex.series import BUTLER, PATIENCE, SCANNING, Sample, counts, end, sample, series

QUIET: Sample = {}
REFRESHING: Sample = {"refreshing": True, "cpu_percent": 90.0}
SCANNER: Sample = {"processes": {"scanner": 1}, "cpu_percent": 80.0}
DEEP: Sample = {"processes": {"deep": 2}}
ACTIVE: Sample = {"activities": [SCANNING]}
LOCKED: Sample = {"database": "locked", "counts": None}
SILENT: Sample = {"http": 503, "http_words": "HTTP 503 (Maintenance)"}
PAUSED: Sample = {"container": "paused", "http": 0}
EXITED: Sample = {"container": "exited", "http": 0, "processes": {"server": 0}}
HIDDEN_CPU: Sample = {"cpu_percent": None}
RESCANNED: Sample = {"scanned_at": 2000}


def verdict(phase: str, *steps: Sample, **begin: t.Any) -> str:
    lines = series(*steps, **begin)
    return judge(phase, lines, PATIENCE, end(lines)).verdict


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], WAITING),
        ([QUIET, QUIET], WAITING),
        ([QUIET, QUIET, QUIET], DONE),
        ([QUIET, QUIET, SCANNER], WAITING),
        ([SCANNER, QUIET, QUIET, QUIET], DONE),
        ([QUIET, SCANNER, QUIET, QUIET], WAITING),
        ([ACTIVE, QUIET, QUIET, ACTIVE], WAITING),
        ([QUIET, QUIET, HIDDEN_CPU], WAITING),
        ([QUIET, QUIET, {"cpu_percent": 20.0}], WAITING),
        ([QUIET, QUIET, {"cpu_percent": 19.9}], DONE),
        ([QUIET, QUIET, LOCKED], WAITING),
        ([QUIET, QUIET, SILENT], WAITING),
        ([QUIET, QUIET, PAUSED], WAITING),
        ([{"activities": [{"type": "provider.subscriptions.process", "title": "x", "section": None}]}] * 3, DONE),
        ([DEEP] * 3, DONE),
        ([EXITED], WAITING),
        ([EXITED, EXITED], FAILED),
        ([SILENT] * 14, FAILED),
    ],
)
def test_stabilise(steps: list[Sample], expected: str) -> None:
    assert verdict("stabilise", *steps) == expected


def test_quiet_in_the_grace_period_means_nothing() -> None:
    lines = [series()[0], *(sample(at) for at in (1, 2, 3, 4))]
    assert judge("stabilise", lines, PATIENCE, 4.0).verdict == WAITING
    assert judge("stabilise", lines, PATIENCE, 21.0).verdict == DONE


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([REFRESHING, QUIET, QUIET], WAITING),
        ([REFRESHING, QUIET, QUIET, QUIET], DONE),
        ([SCANNER, QUIET, QUIET, QUIET], DONE),
        ([ACTIVE, QUIET, QUIET, QUIET], DONE),
        # The section stops refreshing about 28 s before its metadata activities end.
        ([REFRESHING, ACTIVE, ACTIVE, ACTIVE, QUIET, QUIET], WAITING),
        # A scan so short that no sample saw it leaves a new scan time.
        ([RESCANNED, RESCANNED, RESCANNED], DONE),
        ([{"counts": counts(parts=63)}] * 3, DONE),
        # Nothing was seen and nothing changed: it may not have begun.
        ([QUIET] * 5, WAITING),
        ([QUIET] * 12, STALLED),
        # Rows that still change.
        ([SCANNER, {"counts": counts(changed_at=901)}, {"counts": counts(changed_at=902)}, QUIET], WAITING),
        ([SCANNER, QUIET, {"counts": counts(parts=63)}, {"counts": counts(parts=63)}], WAITING),
        # Another section's work and the butler's deep children are not this scan.
        ([REFRESHING, *[{"activities": [{**SCANNING, "section": 1}]}] * 3], DONE),
        ([REFRESHING, DEEP, DEEP, DEEP], DONE),
        ([REFRESHING, *[{**DEEP, "activities": [{**BUTLER, "title": "DeepMediaAnalysis"}]}] * 3], DONE),
        ([REFRESHING, *[{"activities": [{**BUTLER, "title": "Stuck"}]}] * 3], WAITING),
        ([REFRESHING, *[{"activities": [{**SCANNING, "section": None}]}] * 3], WAITING),
        # A stuck activity: nothing moves, nothing works.
        ([SCANNER, *[ACTIVE] * 11], WAITING),
        ([SCANNER, *[ACTIVE] * 13], STALLED),
        # A frozen container is neither quiet nor stalled.
        ([SCANNER, *[PAUSED] * 30], WAITING),
        ([SCANNER, *[PAUSED] * 30, QUIET, QUIET, QUIET], DONE),
        # Unreadable is not still, and not zero.
        ([SCANNER, QUIET, LOCKED, QUIET], WAITING),
        ([SCANNER, *[LOCKED] * 13], FAILED),
        ([SCANNER, *[SILENT] * 13], FAILED),
        ([SCANNER, EXITED, EXITED], FAILED),
        ([SCANNER, EXITED, QUIET], WAITING),
        # Respawning scanners.
        ([SCANNER, QUIET] * 20, WAITING),
    ],
)
def test_scan(steps: list[Sample], expected: str) -> None:
    assert verdict("scan", *steps) == expected
    assert verdict("refresh", *steps) == expected


def test_a_scan_that_works_until_the_timeout_is_timed_out() -> None:
    lines = [*series(SCANNER), sample(3599, **SCANNER)]
    assert judge("scan", lines, PATIENCE, 3599.0).verdict == WAITING
    late = judge("scan", lines, PATIENCE, 3600.0)
    assert (late.verdict, late.finished) == (TIMED_OUT, True)
    assert late.message.startswith("not finished after 60 min")


def test_done_at_the_last_moment_is_done() -> None:
    lines = [series()[0], sample(3580, **REFRESHING), sample(3590), sample(3595), sample(3600)]
    assert judge("scan", lines, PATIENCE, 3600.0).verdict == DONE


def test_the_words_of_a_scan_tell_what_came_and_what_went() -> None:
    after = {"counts": counts(items=83, parts=65, parts_deleted=4)}
    lines = series(REFRESHING, after, after, after)
    told = judge("scan", lines, PATIENCE, end(lines))
    assert told.message == "83 items in 65 files (+3 files, 4 marked as deleted)"
    assert told.done == 65


def test_the_words_of_waiting_name_what_is_in_the_way() -> None:
    lines = series({**ACTIVE, "cpu_percent": 130.0, "processes": {"scanner": 2}})
    told = judge("scan", lines, PATIENCE, end(lines))
    assert told.message == "80 items in 62 files (+0 files); Scanning Music 7 %, 2 scanner running, CPU 130 %"


def test_a_never_begun_scan_says_so() -> None:
    lines = series(*[QUIET] * 13)
    assert "the scan never began" in judge("scan", lines, PATIENCE, end(lines)).message


def test_stabilise_waits_for_the_butler() -> None:
    assert verdict("stabilise", *[{"activities": [BUTLER]}] * 5) == WAITING


def test_no_timeout_means_never() -> None:
    patience = type(PATIENCE)(3, 20, 120, 0, 20)
    lines = series(SCANNER)
    lines.append(sample(10**7, **SCANNER))
    assert judge("scan", lines, patience, 10.0**7).verdict == WAITING


RESTARTED: Sample = {"server_pid": 200}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # Killed and back within two samples, or away for one: quiet afterwards, and nobody says that it has scanned.
        ([SCANNER, RESTARTED, RESTARTED, RESTARTED], FAILED),
        ([SCANNER, SILENT, QUIET, QUIET, QUIET], FAILED),
        # The same, but the scan was taken up again and came to its end.
        ([SCANNER, SILENT, SCANNER, RESCANNED, RESCANNED, RESCANNED], DONE),
        ([SCANNER, {**RESTARTED, **RESCANNED}, *[{**RESTARTED, **RESCANNED}] * 3], DONE),
        # A frozen server was not away, and one that never tells the time of a scan is believed.
        ([SCANNER, PAUSED, QUIET, QUIET, QUIET], DONE),
        ([SCANNER, *[{**SILENT, "scanned_at": None}], *[{"scanned_at": None}] * 3], DONE),
    ],
)
def test_a_scan_that_a_server_took_along_is_not_done(steps: list[Sample], expected: str) -> None:
    begin = {"scanned_at": None} if steps[-1].get("scanned_at", 0) is None else {}
    assert verdict("scan", *steps, **begin) == expected


BUSY: Sample = {"database_errors": ["Waited over 10 seconds for a busy database; giving up"]}
CRASHED: Sample = {"scanner_exits": [-11]}
GAVE_UP: Sample = {"scanner_exits": [1]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # What was written off is missing, whether the scan came to its end after that or not.
        ([SCANNER, BUSY, QUIET, QUIET, QUIET], PARTIAL),
        ([SCANNER, BUSY, RESCANNED, RESCANNED, RESCANNED], PARTIAL),
        # A scanner that ended badly, and no new time of a scan after it.
        ([SCANNER, GAVE_UP, QUIET, QUIET, QUIET], PARTIAL),
        ([SCANNER, {**GAVE_UP, "scanned_at": None}, *[{"scanned_at": None}] * 3], PARTIAL),
        # Killed and begun again, and the one after it came to its end.
        ([SCANNER, CRASHED, {"scanner_exits": [0], **RESCANNED}, RESCANNED, RESCANNED, RESCANNED], DONE),
        ([SCANNER, CRASHED, {"scanner_exits": [0]}, QUIET, QUIET, QUIET], DONE),
        ([SCANNER, CRASHED, RESCANNED, RESCANNED, RESCANNED], DONE),
        # A scanner so short that no sample saw it.
        ([GAVE_UP, QUIET, QUIET], PARTIAL),
        ([{"scanner_exits": [0]}, QUIET, QUIET], DONE),
        # As long as something works, nothing is over.
        ([SCANNER, BUSY, SCANNER], WAITING),
    ],
)
def test_a_scan_that_did_not_see_everything_is_partial(steps: list[Sample], expected: str) -> None:
    assert verdict("scan", *steps) == expected
    assert verdict("refresh", *steps) == expected


def test_what_was_written_before_the_scan_is_not_held_against_it() -> None:
    assert verdict("scan", SCANNER, QUIET, QUIET, QUIET, **BUSY, **GAVE_UP) == DONE


def test_scanners_that_die_again_and_again_are_told() -> None:
    lines = [*series(*[{**SCANNER, "scanner_exits": [-11, 137]}] * 2), sample(3599, **SCANNER)]
    told = judge("scan", lines, PATIENCE, 3600.0)
    assert (told.verdict, "scanners that ended early: 4, the last with signal 9" in told.message) == (TIMED_OUT, True)


@pytest.mark.parametrize("phase", ["stabilise", "scan", "refresh"])
def test_a_server_that_crashes_again_and_again_is_not_waited_for(phase: str) -> None:
    """Its start costs CPU and its answers come and go, so it looks alive."""
    steps = [{"server_pid": 100 + n, "cpu_percent": 90.0} for n in range(6)]
    assert verdict(phase, *steps[:5]) == WAITING
    lines = series(*steps)
    told = judge(phase, lines, PATIENCE, end(lines))
    assert (told.verdict, told.message) == (FAILED, "the server ended and came back 5 times within 40 s")
    # As often, but over a time in which it could have come to an end.
    slowly = [{**line, "at": 60.0 * line["at"] / 10} for line in lines]
    assert judge("stabilise", slowly, PATIENCE, end(slowly)).verdict == WAITING
