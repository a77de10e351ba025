from __future__ import annotations

from pathlib import Path

import pytest

from lab.plexsim.plexsim.preferences import Preferences, RefusedError

PASS_ONLY = {
    "GenerateIntroMarkerBehavior",
    "GenerateCreditsMarkerBehavior",
    "GenerateAdMarkerBehavior",
    "GenerateVADBehavior",
    "MusicAnalysisBehavior",
}


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "Preferences.xml")


def test_five_settings_need_a_pass(preferences: Preferences) -> None:
    names = [{item.name for item in preferences.listed(with_pass=has)} for has in (True, False)]
    assert names[0] - names[1] == PASS_ONLY


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("autoEmptyTrash", "false", "0"),
        ("autoEmptyTrash", "1", "1"),
        ("ButlerStartHour", "3", "3"),
        ("LongRunningJobThreads", "2", "2"),
        ("MusicAnalysisBehavior", "never", "never"),
        ("FriendlyName", "a <b> & c", "a <b> & c"),
    ],
)
def test_changes_are_kept_in_the_file(preferences: Preferences, name: str, given: str, kept: str) -> None:
    preferences.change({name: given}, with_pass=True)
    assert Preferences(preferences.path).load().get(name) == kept
    assert preferences.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("autoEmptyTrash", "perhaps"),
        ("LongRunningJobThreads", "many"),
        ("MusicAnalysisBehavior", "sometimes"),
        ("GenerateChapterBehavior", "never"),
        ("ButlerTaskSonicAnalysis", "1"),
    ],
)
def test_one_bad_change_refuses_them_all(preferences: Preferences, name: str, given: str) -> None:
    with pytest.raises(RefusedError, match=name):
        preferences.change({"logDebug": "0", name: given}, with_pass=True)
    assert preferences.get("logDebug") == "true"


def test_without_a_pass_the_setting_does_not_exist(preferences: Preferences) -> None:
    with pytest.raises(RefusedError):
        preferences.change({"MusicAnalysisBehavior": "never"}, with_pass=False)


def test_default_is_the_dangerous_one(preferences: Preferences) -> None:
    assert preferences.on("autoEmptyTrash")
