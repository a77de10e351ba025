"""Our table of preferences against a recorded answer of a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.plexsim.plexsim.preferences import Definition, definitions

RECORDED = Path(__file__).parents[4] / "shared" / "data" / "recorded" / "prefs-recorded.json"
# Younger than the recording.
YOUNGER = {"GenerateCreditsMarkerBehavior", "GenerateAdMarkerBehavior", "GenerateVADBehavior"}
# Lists the interfaces of the recorded server.
OF_THE_HOST = {"PreferredNetworkInterface"}


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    if not RECORDED.exists():
        pytest.skip(f"no recorded preferences: {RECORDED} is absent")
    return {setting["id"]: setting for setting in json.loads(RECORDED.read_text())["MediaContainer"]["Setting"]}


def described(item: Definition) -> dict[str, object]:
    return {
        "type": item.kind,
        "default": item.typed(item.default),
        "hidden": "h" in item.flags,
        "advanced": "a" in item.flags,
        "group": item.group,
        "enumValues": item.choices or None,
    }


def test_every_recorded_setting_has_its_type_default_and_choices(recorded: dict[str, dict[str, Any]]) -> None:
    ours = definitions()
    assert len(recorded) == 155
    assert set(ours) - set(recorded) == YOUNGER
    shown = {name: described(ours[name]) for name in recorded if name not in OF_THE_HOST and name in ours}
    real = {name: {key: setting.get(key) for key in shown[name]} for name, setting in recorded.items() if name in shown}
    assert shown == real
    assert set(recorded) - set(ours) == set()


def test_every_recorded_value_is_accepted(recorded: dict[str, dict[str, Any]]) -> None:
    ours = definitions()
    for name, setting in recorded.items():
        if name not in OF_THE_HOST:
            value = setting["value"]
            ours[name].accept(str(value).lower() if isinstance(value, bool) else str(value))
