"""The dead-man switch: time that does not jump, signs of life, the end through the API, and what it does without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.scwsim.in_process import LocalCloud, serving
from module_utils import deadman
from module_utils.deadman import Reading

from .conftest import NAME, PROJECT, RUN, TAG

HOUR = 3600.0
SETTINGS: dict[str, Any] = {
    "run_id": RUN,
    "name": NAME,
    "zone": "fr-par-1",
    "project": PROJECT,
    "server_id": "none",
    "api_url": "http://127.0.0.1:9",
    "secret_key": "",
    "armed_at": 0,
    "silence_seconds": 12 * HOUR,
    "hard_seconds": 96 * HOUR,
    "beat_seconds": 900,
    "before": [],
    "before_seconds": 5,
    "given_up_seconds": 2 * HOUR,
}


def at(hours: float, wall: float | None = None, boot: str = "a", beat: int = 1, lost: bool = False) -> Reading:
    """A reading so many hours after arming; the wall clock says so too unless told otherwise."""
    why = "the mount was given up" if lost else ""
    return Reading(boot, (hours if wall is None else wall) * HOUR, hours * HOUR, beat, why)


@pytest.mark.parametrize(
    ("readings", "ends"),
    [
        ([at(0), at(11.9)], False),
        ([at(0), at(12)], True),
        ([at(0), at(11, beat=2), at(22, beat=2)], False),
        ([at(0), at(11, beat=2), at(23, beat=2)], True),
        # Signs of life do not extend the hard limit.
        ([at(hour, beat=int(hour)) for hour in range(0, 96, 11)] + [at(96, beat=99)], True),
        # The wall clock jumps ahead by a year, and back: no time has passed.
        ([at(0), at(1, wall=8760), at(2, wall=1)], False),
        ([at(0), at(6, wall=-8760), at(12.1, wall=-8754)], True),
        # Off for eleven hours, then an hour of running: that is time, too.
        ([at(0), Reading("b", 11 * HOUR, 60, 1), Reading("b", 12 * HOUR + 60, HOUR + 120, 1)], True),
        ([at(0), Reading("b", 2 * HOUR, 60, 1)], False),
        # A clock that is behind after a reboot counts at least the time since the boot.
        ([at(0), Reading("b", -HOUR, 12 * HOUR, 1)], True),
        # A heartbeat file that vanished is no sign of life.
        ([at(0), at(12, beat=0)], True),
        # The mount is given up: from then on less silence is enough, but what was before does not count.
        ([at(0), at(5, lost=True), at(6.9, lost=True)], False),
        ([at(0), at(5, lost=True), at(7, lost=True)], True),
        # A controller that is there ends the run itself; and who mended the mount has the old patience again.
        ([at(0), at(5, lost=True), at(6, beat=2, lost=True), at(7.9, beat=2, lost=True)], False),
        ([at(0), at(5, lost=True), at(6), at(7, lost=True), at(8.9, lost=True)], False),
        ([at(0, lost=True), at(2, lost=True)], True),
    ],
)
def test_when_it_ends(readings: list[Reading], ends: bool) -> None:
    state: dict[str, Any] = {}
    for reading in readings:
        state = deadman.advanced(state, reading, 0)
    assert bool(deadman.reason_to_end(state, SETTINGS)) is ends


def test_a_switch_that_was_armed_before_there_were_notes_keeps_its_limits() -> None:
    old = {key: value for key, value in SETTINGS.items() if key != "given_up_seconds"}
    begun = deadman.advanced({}, at(0), 0)
    kept = {key: value for key, value in begun.items() if not key.startswith("given_up")}
    assert deadman.reason_to_end(deadman.advanced(kept, at(11, lost=True), 0), old) == ""


@pytest.mark.parametrize(
    ("note", "reason"),
    [('{"at": 1, "reason": "S3 is away"}', "S3 is away"), ("[]", "its note says nothing"), (None, "")],
)
def test_the_guards_note(note: str | None, reason: str, tmp_path: Path) -> None:
    if note:
        (tmp_path / "given_up.json").write_text(note)
    assert deadman.given_up({"given_up": str(tmp_path / "given_up.json")}) == reason
    assert deadman.given_up({}) == ""


def test_a_lost_state_still_knows_the_hard_limit() -> None:
    state = deadman.advanced({}, at(1, wall=96), 0)
    assert "its time is over" in deadman.reason_to_end(state, SETTINGS)


@pytest.fixture
def cloud(tmp_path: Path) -> Any:
    with serving(tmp_path / "state.json") as made:
        yield made


def request(cloud: LocalCloud, method: str, path: str, body: Any) -> Any:
    settings = {**SETTINGS, "api_url": cloud.url, "secret_key": cloud.token, "server_id": path}
    return deadman.call(settings, method, "", body)


@pytest.fixture
def settings(cloud: LocalCloud) -> dict[str, Any]:
    """The settings of a running server of our run."""
    body = {"name": NAME, "commercial_type": "DEV1-S", "image": "debian_bookworm", "tags": ["plex-burst", TAG]}
    volumes = {"0": {"volume_type": "l_ssd", "size": 10**10}}
    made = request(cloud, "POST", "", {**body, "volumes": volumes, "project": cloud.project})[1]["server"]
    mine = {**SETTINGS, "api_url": cloud.url, "secret_key": cloud.token, "server_id": made["id"]}
    assert deadman.call(mine, "POST", "/action", {"action": "poweron"})[0] == 202
    while deadman.call(mine, "GET", "")[1]["server"]["state"] != "running":
        continue
    return mine


def minute(state: dict[str, Any], settings: dict[str, Any], now: Reading) -> dict[str, Any]:
    """A minute in which nothing is kept and nothing can be powered off."""
    return deadman.step(state, settings, now, lambda: None, lambda _state: None)


def over(settings: dict[str, Any], state: dict[str, Any] | None = None) -> tuple[dict[str, Any], list[str]]:
    """One minute after the end."""
    ended: list[str] = []
    begun = state or minute({}, settings, at(0))
    return deadman.step(begun, settings, at(13), lambda: ended.append("off"), lambda _state: None), ended


def test_it_ends_the_machine_through_the_api(
    cloud: LocalCloud, settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = tmp_path / "before"
    settings["before"] = [["false"], ["no-such-program"], ["touch", str(proof)]]
    state, ended = over(settings)
    assert (state["tries"], ended, proof.exists()) == (1, [], True)
    while deadman.call(settings, "GET", "")[0] != 404:
        continue
    assert cloud.left() == {}
    assert settings["secret_key"] not in capsys.readouterr().out


def test_what_is_killed_while_it_waits_for_plex_does_not_wait_again(settings: dict[str, Any], tmp_path: Path) -> None:
    kept: list[dict[str, Any]] = []

    def keep(state: dict[str, Any]) -> None:
        kept.append(dict(state))
        if len(kept) == 1:
            raise KeyboardInterrupt

    settings["before"] = [["touch", str(tmp_path / "waited")]]
    begun = minute({}, settings, at(0))
    with pytest.raises(KeyboardInterrupt):
        deadman.step(begun, settings, at(13), lambda: None, keep)
    assert deadman.step(kept[0], settings, at(13.1), lambda: None, keep)["tries"] == 2
    assert not (tmp_path / "waited").exists()
    while deadman.call(settings, "GET", "")[0] != 404:
        continue


def test_without_a_key_it_powers_off(settings: dict[str, Any]) -> None:
    assert over({**settings, "secret_key": ""})[1] == ["off"]


def test_a_key_that_ended_powers_off(cloud: LocalCloud, settings: dict[str, Any]) -> None:
    cloud.fault("key_revoked")
    assert over(settings)[1] == ["off"]


def test_a_silent_api_is_asked_for_as_long_as_it_takes(settings: dict[str, Any]) -> None:
    silent = {**settings, "api_url": "http://127.0.0.1:9"}
    state, ended = over(silent)
    for _ in range(100):
        state, more = over(silent, state)
        ended += more
    assert ended == [], "a machine that is off costs as much, and asks no more"
    over(settings, state)
    while deadman.call(settings, "GET", "")[0] != 404:
        continue


def test_a_full_disk_keeps_no_machine_alive(
    cloud: LocalCloud, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(_state: dict[str, Any]) -> None:
        raise OSError(28, "No space left on device")

    for name, value in (("SETTINGS", tmp_path / "switch.json"), ("HEARTBEAT", tmp_path / "beat")):
        monkeypatch.setattr(deadman, name, value)
    monkeypatch.setattr(deadman, "STATE", tmp_path / "no such directory" / "state.json")
    monkeypatch.setattr(deadman, "write", full)
    (tmp_path / "switch.json").write_text(json.dumps({**settings, "hard_seconds": 1, "armed_at": 0}))
    assert deadman.main() == 0
    while deadman.call(settings, "GET", "")[0] != 404:
        continue
    assert cloud.left() == {}


def test_a_server_of_another_name_is_never_ended(cloud: LocalCloud, settings: dict[str, Any]) -> None:
    assert over({**settings, "name": f"{NAME}0"})[1] == ["off"]
    assert deadman.call(settings, "GET", "")[1]["server"]["state"] == "running"


def test_signs_of_life_reach_the_tag_now_and_then(cloud: LocalCloud, settings: dict[str, Any]) -> None:
    state = minute({}, settings, at(0))
    tags = deadman.call(settings, "GET", "")[1]["server"]["tags"]
    assert tags == ["plex-burst", TAG, "plex-burst-beat=1970-01-01T00:00:00Z"]
    calls = len(cloud.log.entries)
    state = minute(state, settings, at(0.1, beat=2))
    assert len(cloud.log.entries) == calls, "not more often than beat_seconds"
    state = minute(state, settings, at(1, beat=2))
    assert "1970-01-01T01:00:00Z" in deadman.call(settings, "GET", "")[1]["server"]["tags"][-1]
    calls = len(cloud.log.entries)
    minute(state, settings, at(2, beat=2))
    assert len(cloud.log.entries) == calls, "no new sign of life, nothing to tell"


def test_it_runs_with_nothing_but_python(tmp_path: Path) -> None:
    program = Path(deadman.__file__).read_text().replace("/etc/plex-burst", str(tmp_path))
    (tmp_path / "switch").write_text(program.replace("/var/lib/plex-burst", str(tmp_path)))
    note = tmp_path / "given_up.json"
    (tmp_path / "switch.json").write_text(json.dumps({**SETTINGS, "armed_at": 4e9, "given_up": str(note)}))
    note.write_text('{"reason": "S3 is away"}')
    done = subprocess.run([sys.executable, "-I", str(tmp_path / "switch")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    state = json.loads((tmp_path / "switch-state.json").read_text())
    assert (state["tries"], state["given_up"]) == (0, "S3 is away")
