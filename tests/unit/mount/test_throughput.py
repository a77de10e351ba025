"""What a measurement of the bucket says, and how the clients are read."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from module_utils.throughput import Measured, forecast, sentence
from plugins.modules import mount_speed

ONE, MANY = Measured(48_000_000, 1.0, 1), Measured(2_000_000_000, 10.0, 8)


@pytest.mark.parametrize(
    ("pending", "best", "seconds"),
    [(None, MANY, None), (1, Measured(0, 10, 8), None), (1, Measured(5, 0, 1), None), (160_000_000_000, MANY, 1000.0)],
)
def test_forecasts(pending: int | None, best: Measured, seconds: float | None) -> None:
    assert forecast(pending, best) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("pending", "end"),
    [
        (None, "how much is left to read is known once the library is there"),
        (160_000_000_000, "160.0 GB are left to read, about 17 min"),
        (0, "0.0 GB are left to read, about 0 s"),
    ],
)
def test_sentences(pending: int | None, end: str) -> None:
    told = sentence(0.0613, ONE, MANY, pending)
    assert told == f"first byte after 61 ms; one file 48.0 MB/s, 8 at once 200.0 MB/s; {end}"


def client(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_clients_are_read_side_by_side_until_the_time_is_up() -> None:
    quick = client("import sys; sys.stdout.write('x' * 3000000)")
    endless = client("while True: print('y' * 1000)")
    measured, first = mount_speed.read([quick, quick], 60)
    assert (measured.moved, measured.streams) == (6_000_000, 2)
    assert 0 < first <= measured.seconds < 60
    assert mount_speed.read([endless], 1.0)[0].seconds < 30


def test_a_client_that_gives_nothing_says_why() -> None:
    refused = client("import sys; sys.exit('StatusCode: 403, api error InvalidAccessKeyId')")
    with pytest.raises(mount_speed.SpeedError, match="credentials are wrong"):
        mount_speed.read([refused], 30)


def test_what_is_pending_are_the_tracks_without_an_analysis(tmp_path: Path) -> None:
    assert mount_speed.pending(None) is None
    assert mount_speed.pending(str(tmp_path)) is None
    with closing(sqlite3.connect(tmp_path / "com.plexapp.plugins.library.db")) as library:
        library.executescript(
            """
            CREATE TABLE metadata_items (id INTEGER, metadata_type INTEGER, deleted_at INTEGER, extra_data TEXT);
            CREATE TABLE media_items (id INTEGER, metadata_item_id INTEGER);
            CREATE TABLE media_parts (media_item_id INTEGER, size INTEGER, deleted_at INTEGER);
            INSERT INTO metadata_items VALUES (1, 10, NULL, NULL), (2, 10, NULL, 'ms%3AmusicAnalysisVersion=1'),
              (3, 10, 5, NULL), (4, 1, NULL, NULL), (5, 10, NULL, '{"other":1}');
            INSERT INTO media_items SELECT id, id FROM metadata_items;
            INSERT INTO media_parts SELECT id, 100, NULL FROM media_items;
            """
        )
    assert mount_speed.pending(str(tmp_path)) == 200
