from __future__ import annotations

import json

import pytest

from lab.plexsim.plexsim import extra_data

# as the real server wrote it: dots, colons, blanks and semicolons are percent-encoded
REAL = "ld%3Again=-9%2E22&ld%3AstartRamp=-1%2E34%200%2E00%3B2%2E50%200%2E10%3B&ma%3AsamplingRate=44100"
VALUES = {"ma:samplingRate": "44100", "ld:gain": "-9.22", "ld:startRamp": "-1.34 0.00;2.50 0.10;"}


def test_url_form_is_the_servers() -> None:
    assert extra_data.to_url(VALUES) == REAL


def test_json_form_is_sorted_and_ends_with_the_url_form() -> None:
    text = extra_data.to_json(VALUES)
    assert list(json.loads(text)) == ["ld:gain", "ld:startRamp", "ma:samplingRate", "url"]
    assert json.loads(text)["url"] == REAL
    assert '":"' in text


@pytest.mark.parametrize("text", [REAL, extra_data.to_json(VALUES)])
def test_both_forms_are_read(text: str) -> None:
    assert extra_data.decode(text) == VALUES


@pytest.mark.parametrize("text", ["", None])
def test_nothing_is_nothing(text: str | None) -> None:
    assert extra_data.decode(text) == {}
    assert extra_data.to_json({}) == ""
