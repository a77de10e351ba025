from __future__ import annotations

import pytest

from module_utils.section_choice import Section, UnknownSectionError, choose

MUSIC: Section = {"key": 5, "title": "Music", "type": "artist"}
MUSIC_TOO: Section = {"key": 9, "title": "Music", "type": "artist"}
LOWER: Section = {"key": 7, "title": "music", "type": "artist"}
FILMS: Section = {"key": 1, "title": "Films d'été", "type": "movie"}
PHOTOS: Section = {"key": 3, "title": "Photos", "type": "photo"}
KNOWN = [FILMS, PHOTOS, MUSIC]


@pytest.mark.parametrize(
    ("known", "names", "chosen"),
    [
        (KNOWN, [], [FILMS, MUSIC]),
        (KNOWN, ["Photos"], [PHOTOS]),
        (KNOWN, ["Music", "Films d'été"], [FILMS, MUSIC]),
        (KNOWN, ["MUSIC"], [MUSIC]),
        (KNOWN, ["films D'ÉTÉ"], [FILMS]),
        (KNOWN, ["Films d'e\u0301te\u0301"], [FILMS]),
        (KNOWN, ["Music", "music"], [MUSIC]),
        ([MUSIC, LOWER], ["music"], [LOWER]),
        ([MUSIC, MUSIC_TOO], ["Music"], [MUSIC, MUSIC_TOO]),
        ([], [], []),
    ],
)
def test_choice(known: list[Section], names: list[str], chosen: list[Section]) -> None:
    assert choose(known, names) == chosen


@pytest.mark.parametrize("name", ["Musik", "", "Mus", "Music "])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        UnknownSectionError, match=f"^Unknown section {name}: this server has Films d'été, Music, Photos"
    ):
        choose(KNOWN, ["Music", name])


def test_a_server_without_sections_says_none() -> None:
    with pytest.raises(UnknownSectionError, match="has none"):
        choose([], ["Music"])
