from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from plugins.modules import plex_section_names

KNOWN = [
    {"id": 1, "name": "Films d'été", "type": "movie", "locations": ["/data/Films"]},
    {"id": 3, "name": "Photos", "type": "photo", "locations": ["/data/Photos"]},
    {"id": 5, "name": "Music", "type": "artist", "locations": ["/data/Music"]},
    {"id": 9, "name": "Music", "type": "artist", "locations": ["/data/More"]},
]


def run(capsys: pytest.CaptureFixture[str], names: list[str]) -> dict[str, Any]:
    with patch_module_args({"known": KNOWN, "names": names}), pytest.raises(SystemExit):
        plex_section_names.main()
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("names", "ids"),
    [([], [1, 5, 9]), (["Photos"], [3]), (["MUSIC"], [5, 9]), (["films D'ÉTÉ", "Photos"], [1, 3])],
)
def test_rows_of_the_database_are_chosen_by_name(
    capsys: pytest.CaptureFixture[str], names: list[str], ids: list[int]
) -> None:
    result = run(capsys, names)
    assert [section["id"] for section in result["sections"]] == ids
    assert all(section["locations"] for section in result["sections"])


def test_an_unknown_name_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(capsys, ["Musik"])
    assert result["failed"]
    assert "Musik" in result["msg"]
    assert "Films d'été, Music, Photos" in result["msg"]
