"""Which files are opened before Plex starts, which times they should show, and why S3 refuses."""

from __future__ import annotations

import random

import pytest

from module_utils.known_files import METADATA, SERVER, Known, folder_agrees, folders, policy, sample, seconds
from module_utils.s3_reasons import explain


def test_every_section_and_kind_is_in_the_sample() -> None:
    files = [Known(1, f"/a/{n}.mkv", n) for n in range(1000)]
    files += [Known(2, f"/b/{n}.flac", n) for n in range(50)] + [Known(2, "/b/one.MP3", 1)]
    taken = sample(files, 6, random.Random(1))
    kinds = [(known.section, known.path.rpartition(".")[2].lower()) for known in taken]
    assert sorted(set(kinds)) == [(1, "mkv"), (2, "flac"), (2, "mp3")]
    assert len({known.path for known in taken}) == 6
    assert len(sample(files[-3:], 10, random.Random(1))) == 3
    assert sample([], 5, random.Random(1)) == []


@pytest.mark.parametrize(
    ("value", "expected"), [(1709996400, 1709996400), ("2024-03-09 15:00:00", 1709996400), (None, None), ("", None)]
)
def test_both_spellings_of_dates(value: object, expected: int | None) -> None:
    assert seconds(value) == expected


OLD = {"a": 100, "b": 200, "c": 300}
UPLOADED = {"a": 9000, "b": 9001, "c": 9002}


@pytest.mark.parametrize(
    ("home", "now", "chosen", "said"),
    [
        (OLD, METADATA, METADATA, "3 of 3 files have the times of the uploader's metadata"),
        (OLD, SERVER, METADATA, "so the mount shows these"),
        (UPLOADED, METADATA, SERVER, "3 of 3 files have the times of the upload itself"),
        ({"a": 101, "b": 9001, "c": 299}, METADATA, METADATA, "2 of 3"),
        ({"a": 5, "b": 6, "c": 300}, SERVER, SERVER, "only 1 of 3"),
        ({"a": 5, "b": 6, "c": 7}, METADATA, METADATA, "Plex will analyse the files again"),
        ({}, SERVER, SERVER, "no file tells"),
        ({"elsewhere": 1}, METADATA, METADATA, "no file tells"),
    ],
)
def test_the_times_are_those_that_the_home_server_saw(home: dict[str, int], now: str, chosen: str, said: str) -> None:
    found, sentence = policy(home, OLD, UPLOADED, now)
    assert found == chosen
    assert said in sentence


def test_times_that_say_the_same_change_nothing() -> None:
    for now in (METADATA, SERVER):
        assert policy(OLD, OLD, OLD, now)[0] == now


@pytest.mark.parametrize(
    ("stored", "shown", "agrees"),
    [
        (946684800, 946684800, True),
        (946684801, 946684800, True),
        (946688400, 946684800, False),  # a number has no zone
        ("2000-01-01 00:00:00", 946684800, True),
        ("2000-01-01 05:45:00", 946684800, True),  # Nepal
        ("1999-12-31 16:00:00", 946684800, True),
        ("2000-01-01 00:07:00", 946684800, False),
        ("2000-01-02 00:00:00", 946684800, False),  # no zone is a day off
        ("2023-05-11 20:34:41", 946684800, False),
        ("rubbish", 946684800, False),
    ],
)
def test_a_time_of_a_folder_in_both_spellings(stored: int | str, shown: int, agrees: bool) -> None:
    assert folder_agrees(stored, shown) is agrees


@pytest.mark.parametrize(
    ("home", "shown", "said"),
    [
        ({}, {"a/b": 5}, ""),
        ({"a/b": 5}, {}, ""),
        ({"a/b": 5, "c/d": 5}, {"a/b": 5}, "1 of 1 files are in folders"),
        ({"a/b": 5, "c/d": 9}, {"a/b": 5, "c/d": 5}, "only 1 of 2 files are in folders"),
    ],
)
def test_what_the_folders_mean_for_the_scan_is_said(
    home: dict[str, int | str], shown: dict[str, int], said: str
) -> None:
    assert folders(home, shown).startswith(said)
    assert bool(folders(home, shown)) is bool(said)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("operation error S3: HeadObject, StatusCode: 403, api error InvalidAccessKeyId: no key", "credentials"),
        ("StatusCode: 403, SignatureDoesNotMatch", "credentials"),
        ("https response error StatusCode: 403, api error RequestTimeTooSkewed", "clock"),
        ("directory not found: NoSuchBucket", "no such bucket"),
        ("AuthorizationHeaderMalformed: the region 'us-east-1' is wrong", "another region"),
        ("StatusCode: 403, api error AccessDenied: injected", "no right"),
        ("error listing: directory not found", "not in the bucket"),
        ("dial tcp: lookup s3.lab on 192.0.2.1:53: no such host", "resolved"),
        ("dial tcp 10.0.0.1:443: connect: connection refused", "does not answer"),
        ("https response error StatusCode: 403, RequestID: 404503, api error Unknown", "no right"),
        ("https response error StatusCode: 404, RequestID: 403503, api error Unknown", "not in the bucket"),
        ("HTTP/1.1 503, try again", "fewer requests"),
        ("http error 503 (Service Unavailable) returned body", "fewer requests"),
        ("RequestID: 403404, HostID: 503: unexpected EOF", "RequestID: 403404"),
        ("dial tcp 10.0.0.1:503: connect: connection refused", "does not answer"),
        ("Get http://404:403/: i/o timeout", "does not answer"),
        ("Failed to cat: 404.flac: unexpected EOF", "404.flac"),
        ("something new", "something new"),
        ("", "no reason"),
    ],
)
def test_reasons_of_s3(said: str, reason: str) -> None:
    assert reason in explain(said)
