"""What is known about a file that cannot be read: what its name says. Real files are read in tests/lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.plexsim.plexsim import facts

NAMES = {  # title, artist, album, disc, track, year
    "Abba/Arrival/1-02 Dancing.mp3": ("Dancing", "Abba", "Arrival", 1, 2, None),
    "Abba/Arrival/2-11 50-50.flac": ("50-50", "Abba", "Arrival", 2, 11, None),
    "Abba/Arrival/03 - Tiger.m4a": ("Tiger", "Abba", "Arrival", 1, 3, None),
    "Abba/Arrival/Untitled.mp3": ("Untitled", "Abba", "Arrival", 1, None, None),
    "Café Noir (1946)/Café Noir (1946).mkv": ("Café Noir", "", "", 1, None, 1946),
    "Other/No year.mkv": ("No year", "", "", 1, None, None),
}
BROKEN = [None, b"", b"\x1a\x45\xdf\xa3", b"\x1a\x45\xdf\xa3\x81", b"garbage" * 100]


@pytest.mark.parametrize("path", NAMES)
@pytest.mark.parametrize("content", BROKEN)
def test_name_speaks_when_the_file_does_not(tmp_path: Path, content: bytes | None, path: str) -> None:
    file = tmp_path / path
    if content is not None:
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    found = facts.read(file)
    assert not found.analysed
    told = (found.title, found.artist, found.album, found.disc, found.track, found.year)
    assert told == NAMES[path]
